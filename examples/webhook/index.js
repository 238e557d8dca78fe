const crypto = require('crypto')

// Checks the signature of a webhook, as GitHub, Stripe and many others sign them: HMAC-SHA256 of the body, in
// hexadecimal after `sha256=`. The secret is a default parameter of the action, so callers never see it.
function main({ secret, signature = '', body = '' }) {
  if (!secret) return { error: 'the action has no secret' }
  const given = Buffer.from(String(signature))
  const right = Buffer.from('sha256=' + crypto.createHmac('sha256', secret).update(body).digest('hex'))
  // Compared in constant time: how long it takes says nothing about how much of it was right.
  if (given.length !== right.length || !crypto.timingSafeEqual(given, right)) {
    console.error('a signature did not match')
    return { error: { statusCode: 401, body: 'the signature does not match' } }
  }
  return { accepted: true, event: JSON.parse(body).event }
}
