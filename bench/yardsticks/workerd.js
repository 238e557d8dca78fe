// Y4: the echo function as a worker.
export default {
  async fetch(request) {
    const { value } = await request.json()
    const body = JSON.stringify(value)
    return new Response(body, {
      headers: { 'content-type': 'application/json', 'content-length': String(body.length) },
    })
  },
}
