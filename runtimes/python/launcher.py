"""Runs Python actions.

Reads one line of JSON for each call on file descriptor 3 and answers with one line on 4: `+` (success) or `-`
(failure), JSON, line end. Standard output and standard error belong to the action. Told that many calls may be under way
at a time, it runs each in a thread, numbers what it writes, and writes what each of them prints to 4 too.

Modules are imported where they are first needed: what is imported here is paid for by every process.
"""

import json
import os
import sys

COMMANDS = 3
RESULTS = 4
CHUNK = 1 << 16

NOT_A_DICTIONARY = "The action did not return a dictionary or array."

read, write, getpid = os.read, os.write, os.getpid
decode = json.JSONDecoder().decode
compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
ascii_only = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

own_pid = getpid()
main = None
initialized = False
exported = {}
loop = None

# What was read behind a line.
rest = b""

# How many chunks of a response may be under way, and how many bytes one has at most.
WINDOW = 8
PIECE = 1 << 15

# How many bytes of a body are collected where it cannot be given in pieces. No result is as long.
COLLECTED = 1 << 26

# The responses that are given in pieces, by the number of the call.
flows = {}

# Where many calls are under way: the one that the code that runs belongs to, the threads, who writes to RESULTS.
current = None
pool = None
writing = None


def read_line():
    """One line. Ends the process when there will be none."""
    global rest
    data, rest = rest or read(COMMANDS, CHUNK), b""
    pieces = []
    while True:
        end = data.find(b"\n") + 1
        if end:
            # Usually there is none behind it, because none comes before the answer.
            if end < len(data):
                data, rest = data[:end], data[end:]
            if not pieces:
                return data
            pieces.append(data)
            return b"".join(pieces)
        if not data:
            flush()
            os._exit(0)
        pieces.append(data)
        data = read(COMMANDS, CHUNK)


def answer(mark, text):
    if getpid() != own_pid:
        # A child of the action that came back out of it: it must not answer in its parent's place.
        os._exit(0)
    flush()
    call = current and current.get()
    if call:
        call.end()
        mark += call.head
    try:
        line = (mark + text + "\n").encode("utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair can only be written with escapes.
        line = (mark + ascii_only(json.loads(text)) + "\n").encode("ascii")
    send_whole(line)


def send(line):
    written = write(RESULTS, line)
    while written < len(line):
        written += write(RESULTS, line[written:])


def fail(text):
    answer("-", ascii_only({"error": text}))


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            # The action closed or replaced it.
            pass


def show_traceback():
    import traceback

    traceback.print_exc()


# ---- calls


def run(message):
    if main is None:
        fail("System not initialized.")
        return
    export(message)
    call(message.get("value"), AloneFlow() if message.get("stream") else None)


def export(message):
    """Exports `activation_id` and the like. Where many calls are under way the variables are those of the latest."""
    for key, text in message.items():
        # Setting a variable is slow, and most stay the same.
        if key not in ("value", "stream", "number") and exported.get(key) != text:
            exported[key] = text
            os.environ["__OW_" + key.upper()] = text


def call(value, flow):
    try:
        result = main({} if value is None else value)
        if hasattr(result, "__await__"):
            result = wait_for(result)
        chunks = chunks_of(result)
        if chunks is not None:
            result = give(result, chunks, flow) if flow else collect(result, chunks)
    except Exception as error:
        show_traceback()
        result = {"error": str(error)}
    if result is None:
        answer("+", "null")
    elif isinstance(result, (dict, list, tuple)):
        try:
            text = compact(result)
        except Exception:
            show_traceback()
            fail(NOT_A_DICTIONARY)
        else:
            answer("+", text)
    else:
        print("Result must be a dictionary or a list but is:", repr(result), file=sys.stderr)
        fail(NOT_A_DICTIONARY)


def wait_for(awaitable):
    """Runs a coroutine in a loop that stays, so that what the action keeps open stays usable in later runs."""
    global loop
    import asyncio

    if pool:
        # One loop for all calls, so that what one of them opens can be used by the others.
        return asyncio.run_coroutine_threadsafe(as_coroutine(awaitable), loop).result()
    if loop is None or loop.is_closed():
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)

    return loop.run_until_complete(as_coroutine(awaitable))


async def as_coroutine(awaitable):
    return await awaitable


def init(request):
    global main, initialized
    if initialized:
        fail("Cannot initialize the action more than once.")
        return
    name, code, folder = request.get("main"), request.get("code"), request.get("folder")
    if not name or not (code or folder):
        fail("Missing main/no code to execute.")
        return
    initialized = True
    concurrency = request.get("concurrency", 1)
    os.environ.update(request.get("env") or {})
    if concurrency > 1:
        tell_calls_apart()
    try:
        module = load_folder(folder) if folder else load_text(code, "main__.py")
        found = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if not callable(found):
            raise LookupError("Action entrypoint '%s' is not a function." % name)
        if getattr(getattr(found, "__code__", None), "co_flags", 0) & 0x80:
            # A coroutine function: what it needs is better imported now than in the first run.
            import asyncio
    except LookupError as error:
        show_traceback()
        fail("Initialization has failed due to: %s" % (error.args[0] if error.args else error))
    except Exception as error:
        show_traceback()
        fail("Initialization has failed due to: %s: %s" % (type(error).__name__, error))
    else:
        main = found
        if concurrency > 1:
            start_threads(concurrency)
        answer("+", '{"ok":true}')


# ---- bodies in pieces


def chunks_of(result):
    """What gives the body of a response piece by piece: an iterator, a generator, asynchronous or not."""
    body = result.get("body") if isinstance(result, dict) else None
    if hasattr(body, "__anext__") or hasattr(body, "__aiter__"):
        return awaited(body.__aiter__())
    return body if hasattr(body, "__next__") else None


def awaited(chunks):
    try:
        while True:
            try:
                chunk = wait_for(chunks.__anext__())
            except StopAsyncIteration:
                return
            yield chunk
    finally:
        if hasattr(chunks, "aclose"):
            wait_for(chunks.aclose())


def bytes_of(chunk):
    if isinstance(chunk, str):
        return chunk.encode("utf-8")
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(chunk)
    raise TypeError("A chunk of a body must be text or bytes but is: %s" % type(chunk).__name__)


def collect(result, chunks):
    """The result with its body as one text; in base64 where chunks are bytes, as web actions expect it."""
    import base64

    pieces, length, text = [], 0, True
    for chunk in chunks:
        piece = bytes_of(chunk)
        text = text and isinstance(chunk, str)
        length += len(piece)
        if length > COLLECTED:
            raise ValueError("The body of the result is too long.")
        pieces.append(piece)
    body = b"".join(pieces)
    return dict(result, body=(body if text else base64.b64encode(body)).decode("utf-8"))


def give(result, chunks, flow):
    """Gives the response in pieces, as fast as somebody takes them; what is left is the result, with what was given."""
    import base64

    head = {key: value for key, value in result.items() if key != "body"}
    given, complete = 0, True
    call = current and current.get()
    mark = call.head.encode() if call else b""
    text = compact(head).encode("utf-8")
    send_whole(b"h" + mark + text + b"\n")
    try:
        for chunk in chunks:
            piece = bytes_of(chunk)
            for at in range(0, len(piece), PIECE):
                complete = complete and flow.take()
                if complete:
                    send_whole(b"c" + mark + base64.b64encode(piece[at : at + PIECE]) + b"\n")
                    given += len(piece[at : at + PIECE])
            if not complete or flow.is_over():
                complete = False
                break
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    return dict(head, streamed={"bytes": given, "complete": complete})


def send_whole(line):
    if writing:
        with writing:
            send(line)
    else:
        send(line)


class AloneFlow:
    """How the response of the only call goes on. What is heard of it is read between its chunks."""

    def __init__(self):
        self.room = WINDOW
        self.over = False

    def hear(self, patient):
        import select

        while rest or select.select([COMMANDS], [], [], None if patient else 0)[0]:
            more = decode(read_line().decode("utf-8")).get("flow")
            self.over = self.over or more == 0
            self.room += more or 0
            patient = False

    def take(self):
        self.hear(False)
        while not self.room and not self.over:
            self.hear(True)
        self.room -= 1
        return not self.over

    def is_over(self):
        self.hear(False)
        return self.over


# ---- many calls at a time


class Call:
    """One of many calls, and the beginnings of the lines that it has not ended."""

    def __init__(self, number):
        self.head = "%d " % number
        self.partial = {"o": "", "e": ""}
        self.over = False

    def print(self, stream, text):
        with writing:
            lines = (self.partial[stream] + text).split("\n")
            self.partial[stream] = lines.pop()
            for line in lines:
                send((stream + self.head + line + "\n").encode("utf-8", "backslashreplace"))

    def end(self):
        for stream, text in list(self.partial.items()):
            if text:
                self.print(stream, "\n")
        self.over = True


class SharedFlow:
    """How the response of one of many calls goes on. The thread that reads the commands hears of it."""

    def __init__(self):
        import threading

        self.room = WINDOW
        self.over = False
        self.changed = threading.Condition()

    def hear(self, more):
        with self.changed:
            self.over = self.over or more == 0
            self.room += more
            self.changed.notify()

    def take(self):
        with self.changed:
            while not self.room and not self.over:
                self.changed.wait()
            self.room -= 1
            return not self.over

    def is_over(self):
        return self.over


def tell_calls_apart():
    """Has what is printed while a call runs be written as lines of that call."""
    global current, writing
    import contextvars
    import threading

    current = contextvars.ContextVar("call", default=None)
    # A signal handler that prints may come while its own thread writes.
    writing = threading.RLock()

    class Told:
        def __init__(self, name, stream):
            self.name, self.stream = name, stream

        def write(self, text):
            call = current.get()
            if call is None or call.over or not isinstance(text, str):
                return self.stream.write(text)
            call.print(self.name, text)
            return len(text)

        def writelines(self, lines):
            for line in lines:
                self.write(line)

        def __iter__(self):
            return iter(self.stream)

        def __getattr__(self, attribute):
            return getattr(self.stream, attribute)

    sys.stdout, sys.stderr = Told("o", sys.stdout), Told("e", sys.stderr)


def start_threads(count):
    global loop, pool
    import asyncio
    import threading
    from concurrent.futures import ThreadPoolExecutor

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    pool = ThreadPoolExecutor(count)


def run_beside_others(number, value, flow):
    current.set(Call(number))
    try:
        call(value, flow)
    except SystemExit as end:
        # In a thread it would end nothing but the thread.
        flush()
        os._exit(end.code if isinstance(end.code, int) else 0 if end.code is None else 1)
    finally:
        flows.pop(number, None)
        current.set(None)


# ---- loading


def load_text(code, file):
    """Runs a source text as a module that is not `__main__`, so that its own command line does not start."""
    import linecache

    module = type(sys)("main__")
    module.__file__ = file
    sys.modules["main__"] = module
    # For tracebacks: the file need not exist.
    linecache.cache[file] = (len(code), None, code.splitlines(True), file)
    exec(compile(code, file, "exec"), module.__dict__)
    return module


def load_folder(folder):
    """Runs `__main__.py` of an unpacked archive, with the packages of its `virtualenv` if it has one."""
    os.chdir(folder)
    sys.path.insert(0, folder)
    environment = os.path.join(folder, "virtualenv")
    if os.path.isdir(environment):
        activate(environment)
    for name in ("__main__.py", "main__.py", "exec"):
        file = os.path.join(folder, name)
        if os.path.isfile(file):
            break
    else:
        raise LookupError("Zip file does not include __main__.py")
    with open(file, "rb") as source:
        code = source.read()
    try:
        code = code.decode("utf-8-sig")
    except UnicodeDecodeError:
        # It says itself, in a comment of its first lines, how it is encoded.
        import importlib.util

        code = importlib.util.decode_source(code)
    return load_text(code, file)


def activate(environment):
    import glob
    import site

    version = "python%d.%d" % sys.version_info[:2]
    found = [os.path.join(environment, "lib", version, "site-packages")]
    found += sorted(glob.glob(os.path.join(environment, "lib", "python*", "site-packages")))
    found += [os.path.join(environment, "Lib", "site-packages")]
    packages = next((path for path in found if os.path.isdir(path)), None)
    if packages is None:
        raise LookupError("Invalid virtualenv. Zip file does not include 'activate_this.py'.")
    before = len(sys.path)
    site.addsitedir(packages)
    # Its packages go before those of the machine.
    sys.path[1:] = sys.path[before:] + sys.path[1:before]
    os.environ["VIRTUAL_ENV"] = environment
    os.environ["PATH"] = os.path.join(environment, "bin") + os.pathsep + os.environ.get("PATH", os.defpath)


# ---- the process


def prepare():
    import builtins

    # Without the module `site`, which costs more than all the rest of the start.
    builtins.exit = builtins.quit = sys.exit
    version = "python%d.%d" % sys.version_info[:2]
    for directory in (
        os.path.join(sys.prefix, "local", "lib", version, "dist-packages"),
        os.path.join(sys.prefix, "lib", "python3", "dist-packages"),
        os.path.join(sys.prefix, "lib", version, "site-packages"),
    ):
        if os.path.isdir(directory):
            sys.path.append(directory)
    sys.argv = [""]
    sys.dont_write_bytecode = True
    if hasattr(sys, "set_int_max_str_digits"):
        # JSON knows no limit to the length of a number.
        sys.set_int_max_str_digits(0)
    for descriptor in (COMMANDS, RESULTS):
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, True)
    # What was printed must be out when the process is killed, too.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def serve():
    while pool is None:
        try:
            message = decode(read_line().decode("utf-8"))
        except (ValueError, RecursionError) as error:
            show_traceback()
            fail("An error has occurred: the arguments cannot be read: %s" % error)
            continue
        if "init" in message:
            init(message["init"])
        elif "flow" not in message:
            # One that is about a response comes too late here: that has been given.
            run(message)
    serve_many()


def serve_many():
    with open(COMMANDS, "rb", closefd=False) as commands:
        for line in commands:
            number = None
            try:
                if line.startswith(b'{"flow"'):
                    message = decode(line.decode("utf-8"))
                    flow = flows.get(message["number"])
                    if flow:
                        flow.hear(message["flow"])
                    continue
                # It is the first member, and there also where the rest cannot be read.
                number = int(line[len('{"number":') : line.index(b",")])
                message = decode(line.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                current.set(Call(number))
                show_traceback()
                fail("An error has occurred: the arguments cannot be read: %s" % error)
                current.set(None)
                continue
            export(message)
            flow = None
            if message.get("stream"):
                flow = flows[number] = SharedFlow()
            pool.submit(run_beside_others, number, message.get("value"), flow)
    flush()
    os._exit(0)


prepare()
serve()
