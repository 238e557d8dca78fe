// Creates, lists, gets, updates, invokes and deletes actions of every kind with the npm package `openwhisk`, and reads
// their activations: node client.mjs SERVER

import assert from 'node:assert/strict'
import openwhisk from 'openwhisk'

const GUEST =
  '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'
const PATIENCE_MS = 30_000

const [server] = process.argv.slice(2)
const ow = openwhisk({ apihost: server, api_key: GUEST })

// Each says hello in its own language, first politely, then, after the update, loudly.
const KINDS = {
  'nodejs:default': [
    "function main({name}) { console.log('nodejs'); return {greeting: 'Hello ' + name} }",
    "exports.main = async ({name}) => { console.log('nodejs'); return {greeting: 'HELLO ' + name} }",
  ],
  'python:default': [
    "def main(args):\n    print('python')\n    return {'greeting': 'Hello ' + args['name']}\n",
    "async def main(args):\n    print('python')\n    return {'greeting': 'HELLO ' + args['name']}\n",
  ],
  'native:skeleton': [
    '#!/bin/sh\necho native\nname=$(printf %s "$1" | sed \'s/.*"name" *: *"\\([^"]*\\)".*/\\1/\')\necho "{\\"greeting\\": \\"Hello $name\\"}"\n',
    '#!/bin/sh\necho native\nname=$(printf %s "$1" | sed \'s/.*"name" *: *"\\([^"]*\\)".*/\\1/\')\necho "{\\"greeting\\": \\"HELLO $name\\"}"\n',
  ],
}

async function eventually(what, look) {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await look().catch((problem) => {
      if (problem.statusCode !== 404) throw problem
    })
    if (found) return found
    assert.ok(Date.now() < deadline, `waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function manage(kind, name, [polite, loud]) {
  const family = kind.split(':')[0]
  const created = await ow.actions.create({ name, kind, action: polite, params: { name: 'nobody' } })
  assert.equal(created.version, '0.0.1')
  assert.equal(created.namespace, 'guest')
  assert.ok(created.exec.kind.startsWith(`${family}:`) && created.exec.kind !== `${family}:default`, created.exec.kind)
  await assert.rejects(ow.actions.create({ name, kind, action: polite }), { statusCode: 409 })

  const listed = await ow.actions.list()
  assert.ok(listed.some((action) => action.name === name))
  assert.equal((await ow.actions.get(name)).exec.code, polite)
  assert.equal((await ow.actions.get({ name, code: false })).exec.code, undefined)

  const record = await ow.actions.invoke({ name, params: { name: 'Ada' }, blocking: true })
  assert.deepEqual(record.response.result, { greeting: 'Hello Ada' })
  assert.equal(record.response.success, true)
  assert.deepEqual(await ow.actions.invoke({ name, blocking: true, result: true }), { greeting: 'Hello nobody' })

  const updated = await ow.actions.update({ name, kind, action: loud })
  assert.equal(updated.version, '0.0.2')
  const { activationId } = await ow.actions.invoke({ name, params: { name: 'Ada' } })
  assert.match(activationId, /^[0-9a-f]{32}$/)
  const later = await eventually('the record', () => ow.activations.get(activationId))
  assert.deepEqual(later.response.result, { greeting: 'HELLO Ada' })
  assert.equal(later.version, '0.0.2')

  const { logs } = await ow.activations.logs(activationId)
  assert.equal(logs.length, 1)
  assert.match(logs[0], new RegExp(` stdout: ${family}$`))
  const response = await ow.activations.result(activationId)
  assert.deepEqual(response.result, { greeting: 'HELLO Ada' })
  const own = await ow.activations.list({ name, limit: 10 })
  assert.equal(own.length, 3)
  assert.equal(own[0].activationId, activationId)

  await ow.actions.delete(name)
  await assert.rejects(ow.actions.get(name), { statusCode: 404 })
  await assert.rejects(ow.actions.invoke(name), { statusCode: 404 })
}

assert.deepEqual(await ow.namespaces.list(), ['guest'])
for (const [kind, sources] of Object.entries(KINDS)) {
  await manage(kind, `npm-${kind.replace(':', '-')}`, sources)
  console.log(`${kind} passed`)
}
console.log('all kinds passed')
