// Deploys compositions with the npm package `openwhisk-composer` and runs them: node composer.mjs SERVER

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const composer = require('openwhisk-composer')
const GUEST =
  '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'
const PATIENCE_MS = 30_000

const [server] = process.argv.slice(2)
// Nothing of the machine's own settings is to be read.
process.env.WSK_CONFIG_FILE = '/dev/null'
const ow = require('openwhisk-composer/client')({ apihost: server, api_key: GUEST })

const add = (n) => composer.action(`composer-add-${n}`, { action: `function main({value = 0}) { return {value: value + ${n}} }` })
const fails = () => composer.action('composer-fails', { action: 'function main() { return {error: "no"} }' })
const below = (limit) => composer.function(`({value}) => ({value: value < ${limit}})`)
const told = composer.function('({error}) => ({told: error})')

const CASES = {
  sequence: [composer.sequence(add(1), add(2), add(1)), { value: 5 }, { value: 9 }],
  'if, its test true': [composer.if(below(10), add(1), add(2)), { value: 5 }, { value: 6 }],
  'if, its test false': [composer.if(below(10), add(1), add(2)), { value: 15 }, { value: 17 }],
  while: [composer.while(below(8), add(2)), { value: 1 }, { value: 9 }],
  dowhile: [composer.dowhile(add(2), below(2)), { value: 1 }, { value: 3 }],
  repeat: [composer.repeat(4, add(1)), { value: 0 }, { value: 4 }],
  try: [composer.try(composer.sequence(add(1), fails(), add(1)), told), { value: 1 }, { told: 'no' }],
  finally: [composer.finally(fails(), told), {}, { told: 'no' }],
  retry: [
    composer.let({ tries: 0 }, composer.retry(3, composer.function('() => ++tries < 3 ? {error: tries} : {tries}'))),
    {},
    { tries: 3 },
  ],
  let: [
    composer.let({ x: 41 }, composer.sequence(composer.function('() => { x++ }'), add(1), composer.function('({value}) => ({value, x})'))),
    { value: 1 },
    { value: 2, x: 42 },
  ],
  literal: [composer.sequence(composer.literal({ value: 20 }), add(2)), { value: 1 }, { value: 22 }],
  retain: [composer.retain(add(1)), { value: 1 }, { params: { value: 1 }, result: { value: 2 } }],
  merge: [composer.merge(add(2)), { value: 1, kept: true }, { value: 3, kept: true }],
  mask: [
    composer.let({ x: 1 }, composer.let({ x: 2 }, composer.mask(composer.function('() => ({x})')))),
    {},
    { x: 1 },
  ],
  empty: [composer.empty(), { value: 1 }, { value: 1 }],
  dynamic: [
    composer.sequence(
      add(1),
      composer.function("({value}) => ({type: 'action', name: '/_/composer-add-2', params: {value}})"),
      composer.dynamic(),
    ),
    { value: 1 },
    { value: 4 },
  ],
}

async function rejected(call) {
  try {
    await call
  } catch (problem) {
    return problem
  }
  assert.fail('it did not fail')
}

async function run(name, composition, params, expected) {
  await ow.compositions.deploy({ ...composition.compile(), name }, true)
  const record = await ow.actions.invoke({ name, params, blocking: true })
  assert.deepEqual(record.response.result, expected)
  assert.equal(record.response.success, true)
  const annotations = Object.fromEntries(record.annotations.map(({ key, value }) => [key, value]))
  assert.deepEqual([annotations.kind, annotations.conductor, annotations.topmost], ['sequence', true, true])
  // Runs of the conductor and parts alternate, each under the composition.
  assert.equal(record.logs.length % 2, 1)
  for (const id of record.logs) {
    assert.equal((await ow.activations.get(id)).cause, record.activationId)
  }
  return record
}

for (const [what, [composition, params, expected]] of Object.entries(CASES)) {
  await run(`composer-${what.replace(/\W+/g, '-')}`, composition, params, expected)
  console.log(`${what} passed`)
}

// Compositions call each other by name, also in a sequence of the platform.
await run('composer-nested', composer.sequence(composer.action('composer-while'), 'composer-retry'), { value: 0 }, { tries: 3 })
await ow.actions.update({ name: 'composer-both', sequence: ['/_/composer-sequence', '/_/composer-while'] })
assert.deepEqual(await ow.actions.invoke({ name: 'composer-both', params: { value: -3 }, blocking: true, result: true }), { value: 9 })

// An error that nobody catches is the result.
await ow.compositions.deploy({ ...composer.sequence(add(1), fails(), add(1)).compile(), name: 'composer-error' }, true)
const problem = await rejected(ow.actions.invoke({ name: 'composer-error', blocking: true }))
assert.equal(problem.statusCode, 502)
assert.deepEqual(problem.error.response.result, { error: 'no' })

// What needs Redis says so.
await ow.compositions.deploy({ ...composer.map(add(1)).compile(), name: 'composer-map' }, true)
const without = await rejected(ow.actions.invoke({ name: 'composer-map', params: { value: [1, 2] }, blocking: true }))
assert.match(without.error.response.result.error, /requires a properly configured redis instance/)

// Nobody waits, and the record comes.
const { activationId } = await ow.actions.invoke({ name: 'composer-while', params: { value: 0 } })
const deadline = Date.now() + PATIENCE_MS
for (;;) {
  const record = await ow.activations.get(activationId).catch((problem) => assert.equal(problem.statusCode, 404))
  if (record) {
    assert.deepEqual(record.response.result, { value: 8 })
    break
  }
  assert.ok(Date.now() < deadline, 'the record did not come')
  await new Promise((resolve) => setTimeout(resolve, 20))
}
console.log('all compositions passed')
