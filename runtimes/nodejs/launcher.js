'use strict';
// Runs Node.js actions. Reads one line of JSON for each call on file descriptor 3 and answers with one line on 4:
// `+` (success) or `-` (failure), JSON, line end. Standard output and standard error belong to the action.
//
// Told that many calls may be under way at a time, it numbers what it writes, and writes what each of them logs to 4 too.
//
// Between calls the launcher blocks in a read, which is the fastest way there is, as long as the action has nothing
// under way. Once the action is seen to leave something behind (a timer, an open connection), the launcher waits in
// the event loop instead, for good, so that it goes on while no call is made. Before it blocks, the event loop has
// always turned once.

const fs = require('fs');
const path = require('path');
const vm = require('vm');
const { createRequire } = require('module');
const { pathToFileURL } = require('url');

const COMMANDS = 3;
const RESULTS = 4;
const CHUNK = 64 * 1024;
const LINE_END = 10;

// The action may replace what it likes; the launcher keeps what it needs.
const { readSync, writeSync } = fs;
const { parse, stringify } = JSON;
const turn = setImmediate;
const { env } = process;
const activeResources =
  process.getActiveResourcesInfo || (() => process._getActiveHandles().concat(process._getActiveRequests()));

// Holds the process while a promise of the action is pending that nothing else would wake it for.
const holder = setInterval(() => {}, 0x7fffffff).unref();

// A pipe that is full would otherwise leave output in this process's memory, to be written after the answer or never.
for (const stream of [process.stdout, process.stderr]) {
  if (stream._handle && stream._handle.setBlocking) {
    stream._handle.setBlocking(true);
  }
}

let handler;
let initialized = false;

// What stands before what a call writes, where calls have no numbers.
const ALONE = { head: '', streams: false };

// How many chunks of a response may be under way, and how many bytes one has at most.
const WINDOW = 8;
const PIECE = 32 * 1024;

// How many bytes of a body are collected where it cannot be given in pieces. No result is as long.
const COLLECTED = 64 * 1024 * 1024;

// The responses that are given in pieces, by the number of the call.
const flows = new Map();

// Which call the code that runs belongs to, where many are under way.
let current;
const exported = Object.create(null);

// ---- the two ways to get a line

let buffer = Buffer.allocUnsafeSlow(CHUNK);

/** Blocks until a line has come. The other side sends one only when the one before is answered, so none follows it. */
function readLine() {
  let filled = 0;
  do {
    if (filled === buffer.length) {
      buffer = Buffer.concat([buffer], buffer.length * 2);
    }
    const length = readSync(COMMANDS, buffer, filled, buffer.length - filled, null);
    if (length === 0) {
      process.exit(0);
    }
    filled += length;
  } while (buffer[filled - 1] !== LINE_END);
  const line = buffer.utf8Slice(0, filled);
  if (buffer.length > CHUNK) {
    buffer = Buffer.allocUnsafeSlow(CHUNK);
  }
  return line;
}

let watching = false;

function watchLines() {
  if (watching) {
    return;
  }
  watching = true;
  let pieces = [];
  const { Socket } = require('net');
  const socket = new Socket({ fd: COMMANDS, readable: true, writable: false });
  socket.on('data', (piece) => {
    for (let end; (end = piece.indexOf(LINE_END)) >= 0; piece = piece.subarray(end + 1)) {
      pieces.push(piece.subarray(0, end));
      const line = Buffer.concat(pieces).toString();
      pieces = [];
      take(line);
    }
    if (piece.length > 0) {
      pieces.push(piece);
    }
  });
  socket.on('end', () => process.exit(0));
}

/** Waits for the next call, after the event loop has turned once. */
function next() {
  if (!watching) {
    turn(readOrWatch);
  }
}

function readOrWatch() {
  if (activeResources.call(process).length === 0) {
    take(readLine());
  } else {
    watchLines();
  }
}

// ---- calls

function take(line) {
  const message = parse(line);
  if (message.init !== undefined) {
    init(message.init);
  } else if (message.flow !== undefined) {
    const flow = flows.get(message.number);
    if (flow !== undefined) {
      flow.hear(message.flow);
    }
  } else if (message.number === undefined) {
    ALONE.streams = message.stream === true;
    run(ALONE, message);
  } else {
    const { number, stream } = message;
    const call = { head: `${number} `, number, streams: stream === true, partial: { o: '', e: '' }, over: false };
    current.run(call, run, call, message);
  }
}

/** Sends the answer and waits for the next call. */
function answer(call, mark, json) {
  if (call !== ALONE) {
    for (const stream of ['o', 'e']) {
      if (call.partial[stream] !== '') {
        logged(call, stream, '\n');
      }
    }
    call.over = true;
  }
  send(call, mark, json);
  next();
}

/** Writes a line about a call. */
function send(call, mark, text) {
  const line = Buffer.from(mark + call.head + text + '\n');
  let written = 0;
  do {
    try {
      written += writeSync(RESULTS, line, written);
    } catch (error) {
      if (error.code !== 'EAGAIN') {
        throw error;
      }
    }
  } while (written < line.length);
}

function fail(call, text) {
  answer(call, '-', stringify({ error: text }));
}

function init({ main, code, folder, concurrency, env: variables }) {
  if (initialized) {
    return fail(ALONE, 'Cannot initialize the action more than once.');
  }
  if (!main || (!code && !folder)) {
    return fail(ALONE, 'Missing main/no code to execute.');
  }
  initialized = true;
  if (concurrency > 1) {
    tellCallsApart();
  }
  Object.assign(env, variables);
  holder.ref();
  const load = folder === undefined ? loadText(code, main) : loadFolder(folder, main);
  load.then(
    (found) => {
      holder.unref();
      if (typeof found !== 'function') {
        throw `Action entrypoint '${main}' is not a function.`;
      }
      handler = found;
      if (concurrency > 1) {
        // Calls come at any time from now on.
        watchLines();
      }
      answer(ALONE, '+', '{"OK":true}');
    }
  ).catch((error) => {
    holder.unref();
    console.error('Error during initialization:', error);
    fail(ALONE, `Initialization has failed due to: ${(error && error.stack) || error}`);
  });
}

function run(call, message) {
  if (handler === undefined) {
    return fail(call, 'System not initialized.');
  }
  exportContext(message);
  let result;
  try {
    result = handler(message.value === null ? {} : message.value);
  } catch (error) {
    return threw(call, error);
  }
  let pending = false;
  try {
    pending = result !== null && result !== undefined && typeof result.then === 'function';
  } catch (error) {
    return threw(call, error);
  }
  if (!pending) {
    return returned(call, result);
  }
  holder.ref();
  Promise.resolve(result).then(
    (value) => {
      holder.unref();
      returned(call, value);
    },
    (reason) => {
      holder.unref();
      returned(call, { error: reason ? plain(reason) : {} });
    }
  );
}

/**
 * Exports `activation_id` and the like as `__OW_ACTIVATION_ID`. Setting a variable is slow, and most stay the same. Where
 * many calls are under way the variables are those of the latest.
 */
function exportContext(message) {
  for (const key in message) {
    const value = message[key];
    if (key !== 'value' && typeof value === 'string' && exported[key] !== value) {
      exported[key] = value;
      env['__OW_' + key.toUpperCase()] = value;
    }
  }
}

function returned(call, result) {
  if (result === undefined) {
    return answer(call, '+', '{}');
  }
  const chunks = chunksOf(result);
  if (chunks !== undefined) {
    holder.ref();
    const given = call.streams ? give(call, result, chunks) : collect(result, chunks);
    given.then(
      (whole) => {
        holder.unref();
        returned(call, whole);
      },
      (reason) => {
        holder.unref();
        returned(call, { error: reason ? plain(reason) : {} });
      }
    );
    return;
  }
  let json;
  try {
    json = typeof result === 'object' ? stringify(result) : undefined;
  } catch (error) {
    return threw(call, error);
  }
  if (json === undefined) {
    console.error(`Result must be of type object but has type "${typeof result}":`, result);
    return fail(call, 'The action did not return a dictionary.');
  }
  answer(call, '+', json);
}

function threw(call, error) {
  console.error(error);
  fail(call, `An error has occurred: ${error}`);
}

// ---- bodies in pieces

/** What gives the body of a response piece by piece: a stream, a generator, whatever can be iterated asynchronously. */
function chunksOf(result) {
  const body = typeof result === 'object' && result !== null && !Array.isArray(result) ? result.body : undefined;
  if (typeof body !== 'object' || body === null) {
    return undefined;
  }
  if (typeof body[Symbol.asyncIterator] === 'function') {
    return body[Symbol.asyncIterator]();
  }
  return typeof body.next === 'function' && typeof body[Symbol.iterator] === 'function' ? body : undefined;
}

function bytesOf(chunk) {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) {
    return Buffer.from(chunk);
  }
  throw new TypeError(`A chunk of a body must be text or bytes but is of type "${typeof chunk}".`);
}

/** The result with its body as one text; in base64 where chunks are bytes, as web actions expect it. */
async function collect(result, chunks) {
  const pieces = [];
  let length = 0;
  let text = true;
  for (let next; !(next = await chunks.next()).done; ) {
    const piece = bytesOf(next.value);
    text = text && typeof next.value === 'string';
    length += piece.length;
    if (length > COLLECTED) {
      throw new RangeError('The body of the result is too long.');
    }
    pieces.push(piece);
  }
  return { ...result, body: Buffer.concat(pieces).toString(text ? 'utf8' : 'base64') };
}

/** Gives the response in pieces, as fast as somebody takes them; what is left is the result, with what was given. */
async function give(call, result, chunks) {
  const { body, ...head } = result;
  let stop;
  const stopped = new Promise((resolve) => { stop = resolve });
  const flow = {
    room: WINDOW,
    over: false,
    wake: () => {},
    hear(more) {
      this.over = this.over || more === 0;
      this.room += more;
      this.wake();
      if (more === 0) {
        stop({ done: true });
      }
    },
  };
  flows.set(call.number, flow);
  watchLines();
  let given = 0;
  try {
    send(call, 'h', stringify(head));
    while (!flow.over) {
      const next = await Promise.race([chunks.next(), stopped]);
      if (next.done) {
        break;
      }
      const bytes = bytesOf(next.value);
      for (let at = 0; at < bytes.length && !flow.over; at += PIECE) {
        while (flow.room === 0 && !flow.over) {
          await new Promise((wake) => { flow.wake = wake });
        }
        if (!flow.over) {
          const piece = bytes.subarray(at, at + PIECE);
          send(call, 'c', piece.toString('base64'));
          flow.room -= 1;
          given += piece.length;
        }
      }
    }
  } finally {
    flows.delete(call.number);
    if (typeof chunks.return === 'function') {
      // It may be waiting for something that never comes; nobody waits for that.
      Promise.resolve().then(() => chunks.return()).catch(() => {});
    }
  }
  return { ...head, streamed: { bytes: given, complete: !flow.over } };
}

// ---- the logs of many calls

/** Has what is written while a call runs, or goes on, be written as lines of that call. */
function tellCallsApart() {
  const { AsyncLocalStorage } = require('async_hooks');
  current = new AsyncLocalStorage();
  for (const [stream, target] of [['o', process.stdout], ['e', process.stderr]]) {
    const write = target.write;
    target.write = function (chunk, encoding, done) {
      const call = current.getStore();
      if (call === undefined || call.over) {
        return write.apply(this, arguments);
      }
      const known = typeof encoding === 'string' ? encoding : 'utf8';
      const text = typeof chunk === 'string' && /^utf-?8$/i.test(known) ? chunk : Buffer.from(chunk, known).toString();
      logged(call, stream, text);
      const then = typeof encoding === 'function' ? encoding : done;
      if (typeof then === 'function') {
        process.nextTick(then);
      }
      return true;
    };
  }
}

/** Writes the lines that `text` ends, and keeps the beginning of the next one. */
function logged(call, stream, text) {
  const lines = (call.partial[stream] + text).split('\n');
  call.partial[stream] = lines.pop();
  for (const line of lines) {
    send(call, stream, line);
  }
}

/** An error as plain data, with the properties that JSON would leave out. */
function plain(value, seen = []) {
  if (typeof value === 'function') {
    return `[Function: ${value.name || 'anonymous'}]`;
  }
  if (!(value instanceof Error) && !(seen.length > 0 && typeof value === 'object' && value !== null)) {
    return value;
  }
  if (seen.includes(value)) {
    return '[Circular]';
  }
  if (Array.isArray(value)) {
    return value.map((item) => plain(item, [...seen, value]));
  }
  if (Buffer.isBuffer(value)) {
    return '[object Buffer]';
  }
  if (typeof value.toJSON === 'function') {
    return value.toJSON();
  }
  const data = {};
  const always = value instanceof Error ? ['name', 'message', 'stack', 'code', 'cause'] : [];
  for (const key of new Set([...always, ...Object.keys(value)])) {
    if (value[key] !== undefined && typeof value[key] !== 'function') {
      data[key] = plain(value[key], [...seen, value]);
    }
  }
  return data;
}

// ---- loading

// A path of names, such as `main` or `handlers.main`.
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*(\.[\p{ID_Start}$_][\p{ID_Continue}$]*)*$/u;

// What the compiler says of a script that is an ES module.
const IS_MODULE = /import statement outside a module|Unexpected token 'export'|import\.meta|await is only valid/;

/** What `names` leads to from `object`; the default export of a module stands in for it. */
function follow(object, names) {
  const walk = (from) => names.split('.').reduce((at, name) => (at === undefined || at === null ? at : at[name]), from);
  const found = walk(object);
  return found === undefined && object && object.default ? walk(object.default) : found;
}

/** A single file: a function of that name, declared or exported. */
async function loadText(code, main) {
  if (!NAME.test(main)) {
    throw 'Name of main function is not valid.';
  }
  const file = path.join(process.cwd(), 'index.js');
  const module = { exports: {}, id: '.', filename: file, loaded: false, children: [], paths: [] };
  const find = `\n;try { return ${main} } catch (e) { if (!(e instanceof ReferenceError)) throw e }`;
  const options = { filename: file };
  if (vm.constants && vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER) {
    options.importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  } else {
    options.importModuleDynamically = (name) => import(name);
  }
  let script;
  try {
    const names = ['exports', 'require', 'module', '__filename', '__dirname'];
    script = vm.compileFunction(code + find, names, options);
  } catch (error) {
    if (error instanceof SyntaxError && IS_MODULE.test(error.message)) {
      return loadModuleText(code, main);
    }
    throw error;
  }
  const declared = script.call(module.exports, module.exports, createRequire(file), module, file, process.cwd());
  return declared === undefined ? follow(module.exports, main) : declared;
}

/** A single file that is an ES module: the export of that name, or a function that is declared but not exported. */
async function loadModuleText(code, main) {
  const directory = fs.mkdtempSync(path.join(require('os').tmpdir(), 'action-'));
  const load = (name, text) => {
    const file = path.join(directory, name);
    fs.writeFileSync(file, text);
    return import(pathToFileURL(file));
  };
  try {
    // Asked for under a name of ours, a function is found whether it is exported or not. Where there is none of that
    // name the text does not even parse, so nothing runs twice.
    const declared = main.includes('.') ? code : `${code}\n;export { ${main} as __entry__ };`;
    const loaded = await load('index.mjs', declared).catch((error) => {
      if (error instanceof SyntaxError && declared !== code) {
        return load('module.mjs', code);
      }
      throw error;
    });
    return loaded.__entry__ === undefined ? follow(loaded, main) : loaded.__entry__;
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/** An unpacked archive: `main`, or `file.main` for a file other than that of package.json or index.js. */
async function loadFolder(folder, main) {
  const dot = main.indexOf('.');
  const [file, name] = dot > 0 ? [main.slice(0, dot), main.slice(dot + 1)] : [undefined, main];
  if (!NAME.test(name)) {
    throw 'Name of main function is not valid.';
  }
  process.chdir(folder);
  const has = (entry) => fs.existsSync(path.join(folder, entry));
  if (file === undefined && !has('package.json') && !has('index.js') && !has('index.mjs')) {
    throw 'Zipped actions must contain either package.json or index.js at the root.';
  }
  return follow(await loadFile(folder, file), name);
}

async function loadFile(folder, file) {
  const here = createRequire(path.join(folder, 'index.js'));
  const wanted = path.join(folder, file === undefined ? '' : file);
  let entry;
  try {
    entry = here.resolve(wanted);
  } catch (error) {
    const module = path.join(folder, `${file === undefined ? 'index' : file}.mjs`);
    if (error.code !== 'MODULE_NOT_FOUND' || !fs.existsSync(module)) {
      throw error;
    }
    entry = module;
  }
  if (entry.endsWith('.mjs')) {
    return import(pathToFileURL(entry));
  }
  try {
    return here(entry);
  } catch (error) {
    const isModule =
      error.code === 'ERR_REQUIRE_ESM' ||
      error.code === 'ERR_REQUIRE_ASYNC_MODULE' ||
      (error instanceof SyntaxError && IS_MODULE.test(error.message));
    if (isModule) {
      return import(pathToFileURL(entry));
    }
    throw error;
  }
}

next();
