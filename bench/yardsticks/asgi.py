# Y2: the same function behind an ASGI server of Python's, as a runtime without a platform would offer it.
import json

HEADERS = [(b'content-type', b'application/json')]


def main(args):
    return args


async def app(scope, receive, send):
    body = b''
    more = True
    while more:
        message = await receive()
        if message['type'] != 'http.request':
            return
        body += message.get('body', b'')
        more = message.get('more_body', False)
    answer = json.dumps(main(json.loads(body)['value'])).encode()
    length = (b'content-length', str(len(answer)).encode())
    await send({'type': 'http.response.start', 'status': 200, 'headers': HEADERS + [length]})
    await send({'type': 'http.response.body', 'body': answer})


async def rsgi(scope, protocol):
    answer = json.dumps(main(json.loads(await protocol())['value']))
    protocol.response_str(200, [('content-type', 'application/json')], answer)
