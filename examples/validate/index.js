const Ajv = require('ajv')
const addFormats = require('ajv-formats')

const ajv = addFormats(new Ajv({ allErrors: true }))
const compiled = new Map() // a warm container does not compile a schema twice
const KEPT = 100

function compile(schema) {
  const key = JSON.stringify(schema)
  if (!compiled.has(key)) {
    if (compiled.size >= KEPT) compiled.clear()
    compiled.set(key, ajv.compile(schema))
  }
  return compiled.get(key)
}

// Checks `document` against the JSON schema in `schema` and lists every fault.
exports.main = ({ schema, document }) => {
  const check = compile(schema)
  if (check(document)) return { valid: true, faults: [] }
  const faults = check.errors.map(({ instancePath, message }) => `${instancePath || '/'} ${message}`)
  faults.forEach((fault) => console.error(fault))
  return { valid: false, faults }
}
