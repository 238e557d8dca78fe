// Installs those parts of OpenWhisk's catalogue that the client's own tests use: node catalogue.mjs SERVER
//
// On a deployment of OpenWhisk they are in the shared packages of `whisk.system`: `utils` with small helpers, and `alarms`
// with a feed, whose provider is a program of its own. Here are stand-ins with the same names and the same manners.

import { createRequire } from 'node:module'

const root = new URL('../../../', import.meta.url)
const openwhisk = createRequire(new URL('tests/e2e/npm/package.json', root))('openwhisk')

const SYSTEM =
  '789c46b1-71f6-4ed5-8c54-816aa4f8c502:abczO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'

const echo = params => params

const sort = ({ lines, separator = '\n' }) => {
  const given = lines || []
  const list = Array.isArray(given) ? given : String(given).split(separator)
  return { lines: [...list].sort(), length: list.length }
}

// Answers the four events of a feed's life (FEED-01, FEED-02, FEED-07); nothing ever fires.
const alarm = ({ lifecycleEvent, triggerName, authKey, cron, trigger_payload: payload = {} }) => {
  if (!triggerName || !authKey) return { error: 'no trigger, or no key to fire it with' }
  switch (lifecycleEvent) {
    case 'CREATE':
      return cron ? { status: 'created' } : { error: 'alarms trigger feed is missing the cron parameter' }
    case 'READ':
      return { config: { name: triggerName, cron, payload }, status: { active: true } }
    case 'UPDATE':
      return { status: 'updated' }
    case 'DELETE':
      return { status: 'deleted' }
    default:
      return { error: `unknown lifecycleEvent ${lifecycleEvent}` }
  }
}

const ow = openwhisk({ apihost: process.argv[2], api_key: SYSTEM })
const packages = { utils: { echo, sort }, alarms: { alarm } }

for (const [name, actions] of Object.entries(packages)) {
  await ow.packages.update({ name, package: { publish: true } })
  for (const [action, main] of Object.entries(actions)) {
    const annotations = name === 'alarms' ? { feed: true } : {}
    await ow.actions.update({ name: `${name}/${action}`, action: `const main = ${main}`, annotations })
  }
}
