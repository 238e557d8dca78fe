// Creates and invokes examples with the npm package `openwhisk`: node quickstart.mjs SERVER EXAMPLE...

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

const root = new URL('..', import.meta.url)
const openwhisk = createRequire(new URL('tests/e2e/npm/package.json', root))('openwhisk')

const GUEST =
  '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'
const WIDTH = 100
const RECORD_DEADLINE_MS = 10_000

const [server, ...names] = process.argv.slice(2)
const ow = openwhisk({ apihost: server, api_key: GUEST })

const short = (value) => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > WIDTH ? `${text.slice(0, WIDTH)}…` : text
}
const annotation = (record, key) => record.annotations.find((pair) => pair.key === key)?.value
const ms = (value) => (value === undefined ? '     -' : `${String(value).padStart(4)} ms`)

// A record is stored a moment after the answer: ask until it is there.
async function stored(id) {
  const deadline = Date.now() + RECORD_DEADLINE_MS
  for (;;) {
    try {
      return await ow.activations.get(id)
    } catch (problem) {
      if (problem.statusCode !== 404 || Date.now() > deadline) throw problem
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

async function show(name) {
  const dist = new URL(`examples/${name}/dist/`, root)
  const example = JSON.parse(await readFile(new URL('action.json', dist), 'utf8'))
  const bytes = await readFile(new URL(example.code, dist))
  const exec = example.main ? { main: example.main } : {}
  const action = example.binary ? bytes : bytes.toString('utf8')
  await ow.actions.update({ name, action, kind: example.kind, exec, params: example.parameters })

  console.log(`\n${example.title} (${name}, ${example.kind})`)
  for (const start of ['first', 'again']) {
    const begun = performance.now()
    const answer = await ow.actions.invoke({ name, params: example.input, blocking: true })
    const whole = Math.round(performance.now() - begun)
    const record = await stored(answer.activationId)
    const init = annotation(record, 'initTime')
    if (start === 'first') {
      console.log(`  result  ${short(record.response.result)}`)
      record.logs.forEach((line) => console.log(`  log     ${short(line.slice(31))}`))
    }
    const run = record.duration - (init ?? 0)
    console.log(`  ${start}   wait ${ms(annotation(record, 'waitTime'))}  init ${ms(init)}  run ${ms(run)}  in all ${ms(whole)}`)
  }
}

for (const name of names) await show(name)
const recent = await ow.activations.list({ limit: 200 })
console.log(`\n${recent.length} activations are on record; the latest: ${recent[0].name} ${recent[0].activationId}\n`)
