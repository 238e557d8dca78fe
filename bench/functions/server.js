// Y2: the same function behind an HTTP server of its own, as a runtime without a platform would offer it:
// node server.js PROCESSES FUNCTION, which prints the port.

const cluster = require('cluster')
const http = require('http')
const fs = require('fs')
const path = require('path')
const vm = require('vm')

const source = fs.readFileSync(path.join(__dirname, process.argv[3] || 'echo.js'), 'utf8')
const main = vm.runInThisContext(`(() => { ${source}\nreturn main })()`)

function serve(request, response) {
  const pieces = []
  request.on('data', (piece) => pieces.push(piece))
  request.on('end', async () => {
    const { value } = JSON.parse(Buffer.concat(pieces).toString())
    const body = JSON.stringify(await main(value))
    // One write for head and body, so that no delayed acknowledgement hobbles the yardstick.
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
    response.end(body)
  })
}

const processes = Number(process.argv[2] || 1)
if (processes > 1 && cluster.isPrimary) {
  let ready = 0
  cluster.on('listening', (_, { port }) => {
    ready += 1
    if (ready === processes) console.log(port)
  })
  for (let i = 0; i < processes; i++) cluster.fork()
} else {
  const server = http.createServer({ keepAliveTimeout: 60000 }, serve)
  server.on('connection', (socket) => socket.setNoDelay(true))
  server.listen(0, '127.0.0.1', () => processes > 1 || console.log(server.address().port))
}
