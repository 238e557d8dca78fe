// Uses everything that the npm package `openwhisk` can do beside managing actions, and looks at what came of it: packages and
// bindings, sequences, triggers, rules, feeds, activations and namespaces: node surface.mjs SERVER

import assert from 'node:assert/strict'
import openwhisk from 'openwhisk'

const GUEST =
  '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'
const PATIENCE_MS = 30_000

const [server] = process.argv.slice(2)
const ow = openwhisk({ apihost: server, api_key: GUEST })
const missing = { statusCode: 404 }

async function eventually(what, look) {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await look()
    if (found) return found
    assert.ok(Date.now() < deadline, `waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const pairs = (list) => Object.fromEntries(list.map(({ key, value }) => [key, value]))
const names = (list) => list.map(({ name }) => name).sort()

// Activations of an action that have ended, newest first.
const runs = (name) => ow.activations.list({ name, docs: true, limit: 50 })

async function packages() {
  const made = await ow.packages.create({ name: 'tools', package: { parameters: [{ key: 'greeting', value: 'Hi' }], publish: true } })
  assert.deepEqual([made.name, made.version, made.publish, made.binding], ['tools', '0.0.1', true, {}])
  await ow.actions.create({ name: 'tools/greet', action: 'function main({ greeting, name }) { return { text: `${greeting} ${name}` } }' })
  await ow.packages.update({ name: 'bound', package: { binding: { namespace: 'guest', name: 'tools' }, parameters: [{ key: 'name', value: 'Bea' }] } })
  assert.deepEqual(names(await ow.packages.list()), ['bound', 'tools'])
  const got = await ow.packages.get('tools')
  assert.deepEqual(names(got.actions), ['greet'])
  assert.deepEqual(pairs((await ow.packages.get('bound')).parameters), { greeting: 'Hi', name: 'Bea' })
  const invoke = (name, params) => ow.actions.invoke({ name, params, blocking: true, result: true })
  assert.deepEqual(await invoke('tools/greet', { name: 'Ada' }), { text: 'Hi Ada' })
  assert.deepEqual(await invoke('bound/greet', {}), { text: 'Hi Bea' })
  await assert.rejects(ow.packages.delete('tools'), { statusCode: 409 })
}

async function sequences() {
  await ow.actions.create({ name: 'shout', action: 'function main({ text }) { return { text: text.toUpperCase() } }' })
  const made = await ow.actions.create({ name: 'both', sequence: ['/guest/bound/greet', '/_/shout'] })
  assert.deepEqual(made.exec.components, ['/guest/bound/greet', '/guest/shout'])
  const record = await ow.actions.invoke({ name: 'both', params: { name: 'Ada' }, blocking: true })
  assert.deepEqual(record.response.result, { text: 'HI ADA' })
  assert.equal(record.logs.length, 2)
  const last = await ow.activations.get(record.logs[1])
  assert.equal(last.cause, record.activationId)
}

async function rules() {
  await ow.triggers.create({ name: 'tick', trigger: { parameters: [{ key: 'name', value: 'Cleo' }] } })
  const made = await ow.rules.create({ name: 'on-tick', action: 'bound/greet', trigger: 'tick' })
  assert.equal(made.status, 'active')
  assert.deepEqual(made.action, { name: 'greet', path: 'guest/bound' })
  assert.deepEqual(names(await ow.rules.list()), ['on-tick'])
  assert.deepEqual(names(await ow.triggers.list()), ['tick'])

  const before = (await runs('bound/greet')).length
  const { activationId } = await ow.triggers.invoke({ name: 'tick', params: { greeting: 'Bonjour' } })
  const fired = await eventually('the action of the rule', async () => (await runs('bound/greet'))[before] && runs('bound/greet'))
  assert.deepEqual(fired[0].response.result, { text: 'Bonjour Cleo' })
  assert.equal(fired[0].cause, undefined)
  const trace = await eventually('the record of the trigger', () => ow.activations.get(activationId).catch((problem) => {
    assert.equal(problem.statusCode, 404)
  }))
  assert.equal(JSON.parse(trace.logs[0]).activationId, fired[0].activationId)

  await ow.rules.disable({ name: 'on-tick' })
  assert.equal((await ow.rules.get('on-tick')).status, 'inactive')
  await ow.triggers.invoke({ name: 'tick' })
  await ow.rules.enable({ name: 'on-tick' })
  assert.equal((await ow.rules.get('on-tick')).status, 'active')
  assert.deepEqual((await ow.triggers.get('tick')).rules['guest/on-tick'].status, 'active')

  const moved = await ow.rules.update({ name: 'on-tick', action: 'shout', trigger: 'tick' })
  assert.deepEqual([moved.version, moved.action.name], ['0.0.2', 'shout'])
  assert.equal((await runs('bound/greet')).length, before + 1)
}

async function feeds() {
  const source = 'function main(params) { const { lifecycleEvent, triggerName, authKey, cron } = params; return { lifecycleEvent, triggerName, cron, key: Boolean(authKey) } }'
  await ow.actions.create({ name: 'tools/clock', action: source, annotations: { feed: true } })
  assert.deepEqual(names((await ow.packages.get('tools')).feeds), ['clock'])
  const feed = { feedName: 'tools/clock', trigger: 'tick', params: { cron: '* * * * *' } }
  for (const [call, event] of [['create', 'CREATE'], ['get', 'READ'], ['update', 'UPDATE'], ['delete', 'DELETE']]) {
    const { response } = await ow.feeds[call](feed)
    assert.deepEqual(response.result, { lifecycleEvent: event, triggerName: '/_/tick', key: true, cron: '* * * * *' })
  }
}

async function leave() {
  await ow.rules.delete('on-tick')
  await ow.triggers.delete({ name: 'tick' })
  await ow.packages.delete('bound')
  for (const name of ['both', 'shout', 'tools/greet', 'tools/clock']) await ow.actions.delete(name)
  await ow.packages.delete('tools')
  await assert.rejects(ow.packages.get('tools'), missing)
  await assert.rejects(ow.rules.get('on-tick'), missing)
  await assert.rejects(ow.triggers.get('tick'), missing)
  const left = await ow.namespaces.get('guest')
  assert.deepEqual(left, { packages: [], actions: [], triggers: [], rules: [] })
}

async function activations() {
  const all = await ow.activations.list({ limit: 200 })
  assert.ok(all.length > 4)
  const [newest, second] = all
  assert.deepEqual(names(await ow.activations.list({ limit: 1, skip: 1 })), [second.name])
  assert.ok(newest.start >= second.start)
  assert.deepEqual(await ow.activations.list({ upto: 1 }), [])
  assert.equal((await ow.activations.result(newest.activationId)).success, true)
  assert.deepEqual((await ow.activations.logs(newest.activationId)).logs, [])
}

for (const part of [packages, sequences, rules, feeds, activations, leave]) {
  await part()
  console.log(`${part.name} passed`)
}
console.log('the whole surface passed')
