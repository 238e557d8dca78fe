const AT_ONCE = 20
const TIMEOUT_MS = 5000

async function check(url) {
  const started = performance.now()
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'follow' })
    const bytes = (await answer.arrayBuffer()).byteLength
    return { url, status: answer.status, bytes, type: answer.headers.get('content-type') }
  } catch (problem) {
    return { url, status: 0, reason: String(problem.cause?.message ?? problem.message) }
  } finally {
    console.log(`${url.slice(0, 60)} took ${Math.round(performance.now() - started)} ms`)
  }
}

// Fetches every address in `urls`, all at once, and says which ones are broken.
export async function main({ urls = [] }) {
  if (urls.length > AT_ONCE) return { error: `at most ${AT_ONCE} addresses at a time` }
  const links = await Promise.all(urls.map(check))
  return { links: links.filter(({ status }) => status !== 0), broken: links.filter(({ status }) => status === 0) }
}
