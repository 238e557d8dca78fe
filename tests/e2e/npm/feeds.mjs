// The whole life of a trigger with a feed, as the npm package `openwhisk` leads it: node feeds.mjs SERVER
//
// The feed is an action that says what it is called with, and fires its trigger when it is told to, with the key that it
// is given. The server of this test gives functions the machine's network.

import assert from 'node:assert/strict'
import openwhisk from 'openwhisk'

const GUEST =
  '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'
const PATIENCE_MS = 30_000

const [server] = process.argv.slice(2)
const ow = openwhisk({ apihost: server, api_key: GUEST, namespace: 'guest' })

const FEED = `
async function main({ lifecycleEvent, triggerName, authKey, fire, every, endpoint }) {
  const said = { lifecycleEvent, triggerName, authKey, config: { every, endpoint } }
  if (every === 'never') return { error: 'cannot do that' }
  if (!fire) return said
  const [, namespace, trigger] = triggerName.split('/')
  const answer = await fetch(process.env.__OW_API_HOST + '/api/v1/namespaces/' + namespace + '/triggers/' + trigger, {
    method: 'POST',
    headers: { authorization: 'Basic ' + Buffer.from(authKey).toString('base64'), 'content-type': 'application/json' },
    body: JSON.stringify(fire),
  })
  const text = await answer.text()
  return { ...said, status: answer.status, fired: text ? JSON.parse(text) : null }
}`

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

const feedName = 'feed-provider/changes'
const trigger = 'feed-trigger'
const feed = (event, params) => ow.feeds[event]({ feedName, trigger, params }).then(({ response }) => response.result)
const said = (lifecycleEvent, every) => ({
  lifecycleEvent,
  triggerName: '/guest/feed-trigger',
  authKey: GUEST,
  config: every ? { every, endpoint: 'somewhere' } : { endpoint: 'somewhere' },
})

// The provider.
await ow.packages.create({
  name: 'feed-provider',
  package: { publish: true, parameters: [{ key: 'endpoint', value: 'somewhere' }] },
})
await ow.actions.create({ name: feedName, action: FEED, annotations: { feed: true } })
const shown = await ow.packages.get('feed-provider')
assert.deepEqual([shown.actions.length, shown.feeds.map(({ name }) => name)], [0, ['changes']])

// A client makes a trigger of it: first the trigger, then the feed hears of it (FEED-01).
const annotations = [{ key: 'feed', value: '/guest/feed-provider/changes' }]
const created = await ow.triggers.create({ name: trigger, trigger: { annotations } })
assert.deepEqual([created.version, created.annotations], ['0.0.1', annotations])
assert.deepEqual(await feed('create', { every: 5 }), said('CREATE', 5))
assert.deepEqual(await feed('get'), said('READ'))
assert.deepEqual(await feed('update', { every: 6 }), said('UPDATE', 6))
await assert.rejects(feed('update', { every: 'never' }), { statusCode: 502 })

// Without a rule a fire is a success that does nothing (FEED-04).
const early = await feed('update', { fire: { n: 0 } })
assert.deepEqual([early.status, early.fired], [204, null])

// With one it reaches the action.
await ow.actions.create({ name: 'feed-heard', action: 'function main(args) { return {heard: args.n} }' })
const rule = await ow.rules.create({ name: 'feed-rule', trigger, action: 'feed-heard' })
assert.deepEqual([rule.status, rule.trigger, rule.action], [
  'active',
  { path: 'guest', name: trigger },
  { path: 'guest', name: 'feed-heard' },
])
const fired = await feed('update', { fire: { n: 1 } })
assert.equal(fired.status, 202)
const { activationId } = fired.fired
const record = await eventually('the record of the fire', () => ow.activations.get(activationId))
assert.deepEqual([record.name, record.response.result, record.end], [trigger, { n: 1 }, undefined])
const lines = record.logs.map((line) => JSON.parse(line))
assert.deepEqual([lines.length, lines[0].success, lines[0].rule], [1, true, 'guest/feed-rule'])
const heard = await eventually('the action', () => ow.activations.get(lines[0].activationId))
assert.deepEqual(heard.response.result, { heard: 1 })

// Rules are switched off and on.
assert.equal((await ow.rules.list())[0].name, 'feed-rule')
await ow.rules.disable({ name: 'feed-rule' })
assert.equal((await ow.rules.get('feed-rule')).status, 'inactive')
assert.equal((await feed('update', { fire: { n: 2 } })).status, 204)
await ow.rules.enable({ name: 'feed-rule' })
assert.equal((await ow.rules.get('feed-rule')).status, 'active')
assert.match((await ow.triggers.invoke({ name: trigger, params: { n: 3 } })).activationId, /^[0-9a-f]{32}$/)

// Through a binding the feed is the same.
await ow.packages.create({ name: 'feed-bound', package: { binding: { namespace: 'guest', name: 'feed-provider' } } })
const bound = await ow.feeds.get({ feedName: 'feed-bound/changes', trigger })
assert.equal(bound.response.result.config.endpoint, 'somewhere')

// And the end of it all.
assert.equal((await feed('delete')).lifecycleEvent, 'DELETE')
assert.equal((await ow.triggers.delete(trigger)).name, trigger)
await assert.rejects(ow.triggers.get(trigger), { statusCode: 404 })
assert.equal((await ow.rules.get('feed-rule')).status, 'inactive')
await ow.rules.delete('feed-rule')
await ow.packages.delete('feed-bound')
await assert.rejects(ow.packages.delete('feed-provider'), { statusCode: 409 })
await ow.actions.delete(feedName)
await ow.packages.delete('feed-provider')
assert.deepEqual(await ow.packages.list(), [])
console.log('the feed passed')
