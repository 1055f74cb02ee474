---@meta
-- What the host gives to scripts, for editors (lua-language-server). Loaded by nobody: the
-- functions are C, in host/script/api*.c and json*.c. Environment failures return nil, err; caller
-- mistakes raise. "(suspends)" may only be called from a task, outside coroutines of your own.
-- Longer than 500 lines because it is one list.

---@alias err_kind "net"|"busy"|"auth"|"absent"|"conflict"|"remote"|"script"|"data"|"store"|"config"

---@class err
---@field kind err_kind
---@field text string one line, no secret
---@field status? integer HTTP status
---@field wait_ms? integer of kind busy: not before
---@field step? "name"|"connect"|"tls"|"answer" of kind net: what failed

-- ---- json ----

---@class jsonlib
---@field null lightuserdata what a decoded null is
json = {}

---@param text string
---@return any value, err? err
function json.decode(text) end

---@param value any
---@return string? text, err? err keys sorted, so equal values are equal texts
function json.encode(value) end

---@param t table
---@return table t marked as an array, so that an empty one is []
function json.array(t) end

---@param t any
---@return boolean
function json.is_array(t) end

---@param text string
---@return userdata decimal exact; tostring gives the text, arithmetic raises
function json.decimal(text) end

---@param v any
---@return boolean
function json.is_decimal(v) end

---@param value any
---@param deepest integer levels, at most 64
---@param most integer members in all
---@return any copy by raw reads and without metatables
---@return "deep"|"many"|nil why there is none
function json.copy(value, deepest, most) end

---@param value any
---@return any value in which no name stands for null any more; nil if it is null
function json.without_null(value) end

---@param value any
---@return string text two spaces, for people
function json.pretty(value) end

-- ---- host ----

---@class host
---@field generation integer of these scripts, this profile, this mapping
---@field version string
---@field defaults? string commands that run here: the folder of the shipped mappings
---@field profile host.profile do not change it
host = {}

---@class host.profile
---@field stage "production"|"staging"|"sandbox"
---@field mapping string the folder of the mapping's files; often `dir`
---@field mapping_shown string the same as people read it
---@field flows table<string, boolean>
---@field settings table<string, any>
---@field columns table
---@field portal_url string
---@field public_url? string
---@field sign_in table what a person who signs in has to know: see schema.lua
---@field callback_path? string the path of callbacks, with its secret: for registering only
---@field hint_path? string the path of the CRM's web hooks, "?code=" and the secret behind it
---@field push boolean
---@field tls boolean the host does TLS itself
---@field forward? string the address that callbacks go on to, secrets and all
---@field webhook { on: boolean, forward_hours: integer }
---@field crm_url string
---@field files { key: string, path: string }[] that must be this user's alone
---@field addresses { key: string, origin: string }[] that this host calls
---@field partner_id? string
---@field clients { crm: string, partner_center: string } the applications' ids
---@field dir string
---@field on_event? table who is notified of what (scripts/notices.lua)

---(suspends) Real time.
---@param ms integer
function host.sleep(ms) end

---@return integer ms since 1970, UTC
function host.now_ms() end

---@return string version 4, lower case
function host.uuid() end

---@param n integer at most 4,096
---@return string bytes
function host.random(n) end

---@param level "debug"|"info"|"warn"|"error"
---@param text string identifiers, counts, kinds, milliseconds: no personal value
function host.log(level, text) end

---Says what this task did: becomes its run record; the last call wins.
---@param run { flow?: string, link?: integer, trigger?: string, outcome?: string, detail?: table }
function host.run(run) end

---(suspends) Asks the mapping process.
---@param question table
---@return any answer, err? err
function host.map(question) end

---What C knows: version, pid, serving, stopping, commands, queue, remotes, callbacks, reload
---(host/script/reload.h), needs_restart.
---@return table
function host.status() end

---Reads scripts, profile and mapping anew; the outcome stands in host.status().reload.
---@return true? ok, err? err
function host.reload() end

---@class host.copy a state file that was copied and proved
---@field file string
---@field bytes? integer of a backup
---@field aside? string of a restore: the new name of what stood there, "" if nothing did
---@field key? "none"|"fits"|"other"|"missing" of a restore: the key file and its secrets
---@field schema integer
---@field secrets integer
---@field rows integer
---@field tables table<string, integer>

---(suspends) A verified copy of the state file; rounds go on meanwhile.
---@param path string absolute; never covers a file
---@return host.copy? made, err? err
function host.backup(path) end

---Commands that run here: a backup becomes the state file of a host that is stopped.
---@param what { from: string, to: string, key_file?: string, aside?: boolean }
---@return host.copy? made, err? err, integer? ends exit status of what befell the state, 0: none
function host.restore(what) end

---(suspends) Commands that run here: loads and checks a profile folder; host.map then asks it.
---@param dir string
---@param how? { unproved?: boolean, mapping?: string } unproved: the profile alone; who asks finds
---what is wrong with the rest; mapping: that folder's files in place of the profile's own
---@return { problems: table[], profile?: table }? loaded, err? err
function host.load(dir, how) end

---@class host.watching
local watching = {} -- luacheck: ignore 241

---(suspends) Until something changed below the folder since the last time; only a hint: read the
---files.
---@param timeout_ms? integer default: none
---@return boolean changed false: too late
function watching:wait(timeout_ms) end

---Commands that run here: hears of changes below folders.
---@param folder string
---@param ... string
---@return host.watching? watch, err? err
function host.watch(folder, ...) end

---From here on this task only tries: what it writes into the state is undone at the end of each of
---its steps, and of requests only those that read are sent.  There is no way back.
function host.rehearse() end

---What this rehearsal asked the mapping process and said of its run since the last call.
---@return { asked: { question: table, answer: table }[], outcome?: string, detail?: table }
function host.rehearsed() end

---(suspends) Another version of the profile's files, proved like any other; its tasks rehearse.
---@param source { dir?: string, mapping?: string, shown?: string, generation?: integer } mapping:
---the files of that folder, under the profile that runs
---@return host.trial? trial, err? err
function host.trial(source) end

---@class host.trial
local trial = {} -- luacheck: ignore 241

---(suspends) Calls require(module)[name](payload) in its scripts.
---@param module string
---@param name string
---@param payload table
---@return any result, err? err
function trial:call(module, name, payload) end

function trial:close() end

---The generations whose files are kept, the newest first; changed: roles that differ from the one
---before.
---@return { generation: integer, at_ms: integer, files: integer, changed: string[] }[]? list
---@return err? err
function host.generations() end

---Commands that run here: runs a function as a task of its own.
---@param f fun()
function host.spawn(f) end

-- ---- host.http ----

host.http = {}

---@class host.request
---@field remote? string name of a remote
---@field path? string below its base, or an address that begins with it
---@field url? string instead of both, in commands that run here: this machine only, no sign-in
---@field method? string default GET
---@field headers? table<string, string>
---@field body? string
---@field operations? integer what it counts as; batch items one by one
---@field page? boolean a list or delta page: not counted as a request
---@field reads? boolean a POST that changes nothing: a rehearsal may send it
---@field sign_in? host.sign_in_tried with that one's tokens instead of those in use
---@field max_answer? integer bytes

---@class host.answer
---@field status integer
---@field headers table<string, string> names in lower case
---@field body string
---@field ms integer

---(suspends) Leaves after the round's commit.
---@param request host.request
---@return host.answer? answer, err? err
function host.http.request(request) end

---(suspends) Whether anything answers there: a bare GET that signs nobody in.
---@param url string
---@return host.answer? answer, err? err its step says what failed
function host.http.reach(url) end

-- ---- host.disk: paths of this machine, never opened ----

host.disk = {}

---@param path string
---@return true? ours nobody else can read or write it, err? err what is wrong: the cure
function host.disk.private(path) end

---@param path string
---@return integer? bytes free for us on its disk, err? err
function host.disk.room(path) end

-- ---- host.sign_in: in commands of a profile ----

host.sign_in = {}

---@class host.sign_in_tried a sign-in that is tried before it counts
local tried = {} -- luacheck: ignore 241

---The profile's references are read anew; nothing changes before keep.
---@param grant "crm"|"partner_center"|"webhooks"
---@param secret? string that a person entered
---@return host.sign_in_tried? tried, err? err
function host.sign_in.begin(grant, secret) end

---(suspends) Asks for a device code, which stays inside.
---@param remote string
---@return { code: string, url: string, every_ms: integer, life_ms: integer }? device, err? err
function tried:device(remote) end

---(suspends) Whether the person has entered it.
---@param remote string
---@return true? ok, err? err kind busy: not yet; wait_ms more between two questions
function tried:poll(remote) end

---(suspends) An authorization code becomes a sign-in.
---@param remote string
---@param code string
---@param redirect string
---@param verifier string of PKCE
---@return true? ok, err? err
function tried:redeem(remote, code, redirect, verifier) end

---From now on it is the one in use: also for what waits and what is on its way.
---@return true? ok, err? err
function tried:keep() end

function tried:close() end

---What was signed in or entered is forgotten.
---@param grant string
---@return true? ok, err? err
function host.sign_in.forget(grant) end

---@class host.grant
---@field name string
---@field own boolean false: another grant's sign-in is used
---@field signed boolean
---@field sealed boolean the profile says that the secret is entered
---@field secret boolean there is one
---@field signed_ms integer 0: not known
---@field used_ms integer when its refresh token was last replaced; 0: not known
---@field certificate_ends_ms integer 0: it has none
---@field who? { upn?: string, tenant?: string, user?: string }

---@return host.grant[]
function host.sign_in.list() end

---@class host.sent_back
local sent_back = {} -- luacheck: ignore 241

---Listens for the browser that comes back from the sign-in page; gone when the task is.
---@param where { address: "127.0.0.1"|"::1", port?: integer, path: string }
---@return host.sent_back? listener, err? err
function host.sign_in.listen(where) end

---@return integer
function sent_back:port() end

---(suspends)
---@param timeout_ms integer
---@return string? query nil: too late
function sent_back:wait(timeout_ms) end

function sent_back:close() end

-- ---- host.store (each may suspend) ----

host.store = {}

---@param doc table
---@return integer? id, err? err
function host.store.link_add(doc) end

---@param id integer
---@return table? doc, err? err
function host.store.link_get(id) end

---@param id integer
---@param doc table
---@return true? ok, err? err
function host.store.link_set(id, doc) end

---@param after? integer
---@param most? integer default 100
---@return { id: integer, doc: table }[]? list, err? err
function host.store.link_list(after, most) end

---@return integer? count, err? err
function host.store.link_count() end

---@param id integer
---@param remote string
---@param key string
---@return true? ok, err? err conflict: it belongs to another link
function host.store.alias_set(id, remote, key) end

---@param remote string
---@param key string
---@return integer? id, err? err
function host.store.alias_get(remote, key) end

---@param from integer
---@param to integer
---@return true? ok, err? err
function host.store.alias_move(from, to) end

---@param remote string
---@param key string
---@return true? ok, err? err
function host.store.alias_drop(remote, key) end

---@param id integer
---@param side string
---@return table? base, err? err
function host.store.base_get(id, side) end

---@param id integer
---@param side string
---@param base table
---@return true? ok, err? err
function host.store.base_set(id, side, base) end

---@param id integer 0: about no link
---@param kind string
---@param note table
---@return integer? note, err? err
function host.store.note_add(id, kind, note) end

---@param note integer
---@return true? ok, err? err
function host.store.note_drop(note) end

---@class host.note
---@field note integer
---@field link integer
---@field at_ms integer
---@field kind string
---@field doc table

---@param id? integer
---@param kind? string
---@param most? integer default 100
---@return host.note[]? list, err? err newest first
function host.store.note_list(id, kind, most) end

---@param name string
---@return string? value, err? err
function host.store.mark_get(name) end

---@param name string
---@param value? string nil drops it
---@return true? ok, err? err
function host.store.mark_set(name, value) end

---@class host.run_row
---@field id integer
---@field at_ms integer
---@field flow string
---@field link integer
---@field trigger string
---@field outcome string
---@field ms integer
---@field requests integer
---@field operations integer
---@field calls table<string, integer>
---@field generation integer
---@field detail table

---@param which { link?: integer, after?: integer, most?: integer }
---@return host.run_row[]? list, err? err newest first; with after: oldest first
function host.store.run_list(which) end

---By flow (or kind of job, where a run named none): last good and last failed run.
---@param since_ms integer  failures are counted from here on
---@return table[]? flows each with flow, ok_ms, failed_ms, detail (of the failed one), failed
function host.store.run_flows(since_ms) end

-- ---- host.queue ----

host.queue = {}

---@class host.put
---@field kind string
---@field lane? string jobs of one lane run one after the other
---@field key? string one waiting job per key
---@field payload? table
---@field delay_ms? integer
---@field keep_payload? boolean the waiting job of that key keeps its own

---@param job host.put
---@return integer? id, err? err
function host.queue.put(job) end

---@class host.job
---@field id integer
---@field kind string
---@field lane string
---@field key string
---@field payload table
---@field due_ms integer
---@field attempt integer
---@field state "waiting"|"running"|"dead"
---@field why? err_kind of the last failure
---@field text string its text
---@field created_ms integer
---@field generation integer

---@param which { state?: "waiting"|"running"|"dead", after?: integer, most?: integer }
---@return host.job[]? list, err? err
function host.queue.list(which) end

---@param id? integer nil: all dead letters
---@return integer? count, err? err
function host.queue.retry(id) end

---What waits since a service did not answer is due now.
---@return true? ok, err? err
function host.queue.hurry() end

---Jobs by state: waiting (of these due), running, dead; and oldest_due_ms.
---@return table<string, integer>? stats, err? err
function host.queue.stats() end

-- ---- host.docs: the practice environment's rows, and JSON edited as text ----

host.docs = {}

---@param collection string
---@param id string
---@param body table|string a table, or JSON text
---@param keys? (string|false)[] up to four
---@param tag? integer of a row that is put back as it was; default: the next one
---@return integer? tag, err? err
function host.docs.put(collection, id, body, keys, tag) end

---@param collection string
---@param id string
---@return table? body, integer|err|nil tag
function host.docs.get(collection, id) end

---@param collection string
---@param id string
---@return string? text, integer|err|nil tag
function host.docs.get_text(collection, id) end

---@param collection string
---@param id string
---@return boolean? was, err? err
function host.docs.drop(collection, id) end

---@class host.docs_query
---@field at? integer which key, 1 to 4
---@field key? string rows with that key; with an order: the key to begin behind
---@field after? string ids behind it
---@field after_tag? integer in order of tag, tags above it
---@field most? integer
---@field order? "up"|"down" by key, then id: what comes behind (key, after)

---@param collection string
---@param query? host.docs_query
---@return { id: string, tag: integer, body: table }[]? list, err? err
function host.docs.find(collection, query) end

---@param collection string
---@return integer? n, err? err
function host.docs.count(collection) end

---@param text string
---@param path string $.a.b[0]
---@param value string JSON text
---@return string? text, err? err other members byte for byte
function host.docs.json_set(text, path, value) end

---@param text string
---@param path string
---@return string? text, err? err
function host.docs.json_remove(text, path) end

-- ---- host.erase: texts of the state by place, taken out for good ----

host.erase = {}

---@param place "link"|"base"|"note"|"run"|"job"|"failure"|"mark"|"file"|"doc" job: their
---payloads; failure: their texts
---@param after? string key behind which to go on
---@param most? integer default 200
---@return { key: string, what: string, text: string }[]? list, err? err what: its link, kind,
---flow or role
function host.erase.list(place, after, most) end

---@param place string
---@param key string
---@param text string
---@return true? ok, err? err
function host.erase.set(place, key, text) end

---(suspends) Once this round is committed: the file is written anew without what was ever deleted
---or overwritten in it, and its WAL emptied.  Holds the host up meanwhile.
---@return true? ok, err? err what was written stands all the same
function host.erase.bytes() end

-- ---- host.crypto ----

host.crypto = {}

---@param bytes string
---@return string hex
function host.crypto.sha256(bytes) end

---@param bytes string
---@param url? boolean base64url without padding
---@return string text
function host.crypto.base64(bytes, url) end

---@param text string
---@param url? boolean
---@return string? bytes
function host.crypto.unbase64(text, url) end

---@class host.issue
---@field common_name string
---@field organization? string
---@field bits? integer default 2,048
---@field from_ms? integer default now
---@field days? integer default 30; below 0: expired
---@field ca_key? string PEM; without: a root
---@field ca_cert? string PEM

---@param issue host.issue
---@return string? key_pem, string|err cert_pem
function host.crypto.issue(issue) end

---@param key_pem string
---@param cert_pem string
---@param algorithm "RS256"|"PS256"
---@param bytes string
---@return string? signature, err? err
function host.crypto.sign(key_pem, cert_pem, algorithm, bytes) end

---@param cert_pem string
---@param algorithm "RS256"|"PS256"
---@param bytes string
---@param signature string
---@return boolean
function host.crypto.verify(cert_pem, algorithm, bytes, signature) end

---@param cert_pem string
---@return string? sha1, string|err sha256 bytes
function host.crypto.thumbprints(cert_pem) end

-- ---- host.sheet: tables that people keep in files; paths are absolute ----

host.sheet = {}

---@class host.sheet_file
local sheet = {} -- luacheck: ignore 241

---@param path string
---@param name? string of the sheet; nil: the first that is not hidden
---@return host.sheet_file? sheet, err? err absent: no such file; data: none that can be read
function host.sheet.open(path, name) end

---@return string
function sheet:name() end

---The cells of the next piece of it, maybe none: { row, column, kind, text } with kind "t" text,
---"n" number, "d" date (days since the end of 1899), "b" boolean, "e" error.
---@return table[]? cells, err? err nil, nil: the end
function sheet:cells() end

function sheet:close() end

---@param path string
---@return string? bytes, err? err
function host.sheet.text(path) end

---A workbook of one sheet, every cell a text; whole or not at all, on disk when this returns.
---@param path string
---@param what { name: string, rows: string[][], force?: boolean } force: covers a file
---@return true? ok, err? err
function host.sheet.write(path, what) end

---@param path string
---@param bytes string
---@param force? boolean covers a file
---@return true? ok, err? err
function host.sheet.write_text(path, bytes, force) end

---@param path string of a folder, fine if it is there
---@return true? ok, err? err
function host.sheet.folder(path) end

-- ---- commands that run here only ----

---@class host.incoming
---@field method string
---@field path string as received, without query
---@field query? string
---@field target string path and query
---@field host string
---@field headers table<string, string> names in lower case
---@field body string

---@class host.listening
---@field address? string default 127.0.0.1
---@field port? integer 0: any
---@field methods? string
---@field max_body? integer
---@field handler fun(request: host.incoming): integer?, table<string, string>?, string? nil: drop

---Each request is a task of its own; its answer leaves after the round's commit.
---@param listening host.listening
---@return { port: integer, close: fun() }? server, err? err
function host.serve(listening) end

host.control = {}

---@param path string of the socket
---@param handler fun(command: string, args: string[], request: table): string?, integer?
---@return { close: fun() }? listener, err? err
function host.control.listen(path, handler) end

---(suspends)
---@param path string
---@param command string
---@param args? string[]
---@return { exit: integer, out: string }? answer, err? err
function host.control.call(path, command, args) end

host.file = {}

---@param path string
---@return string? text, err? err kind absent: no such file
function host.file.read(path) end

---@param path string
---@param text string
---@param mode? integer default: that of the file that is there, else 0644
---@return true? ok, err? err whole or not at all
function host.file.write(path, text, mode) end

---@param folder string
---@return string[]? names, err? err sorted
function host.file.list(folder) end

---@param path string
---@return "file"|"folder"|"other"|false
function host.file.exists(path) end

---@param path string
---@param mode? integer default 0755
---@return true? ok, err? err fine if it is there
function host.file.mkdir(path, mode) end

---@param path string a folder goes with all that is in it
---@return true? ok, err? err
function host.file.remove(path) end

---@return string path a new folder of mode 0700
function host.file.tempdir() end

---@return string path
function host.file.cwd() end

---@param name string
---@return string?
function host.file.getenv(name) end

host.child = {}

---@class host.child
local child = {} -- luacheck: ignore 241

---@class host.child_spec
---@field path? string default: this program
---@field argv? string[] the words behind the program's name
---@field env? table<string, string> added to this process's own
---@field dir? string
---@field input? boolean child:write speaks to it; else its input is empty

---@param spec host.child_spec
---@return host.child? child, err? err one that is forgotten is killed
function host.child.start(spec) end

---@return integer
function child:pid() end

---@param signal? "TERM"|"KILL"|"HUP"|"INT"|"STOP"|"CONT"|"USR1"|"USR2"
function child:kill(signal) end

---(suspends)
---@return { exit?: integer, signal?: integer }
function child:wait() end

---(suspends) The next line of its output (1 and 2 together).
---@param timeout_ms? integer default 10,000
---@return string? line nil at the end, or too late
function child:line(timeout_ms) end

---@return string output everything so far
function child:output() end

---@param text? string nil: its input ends
---@return true? ok, err? err
function child:write(text) end

-- ---- commands ----

---@class command scripts/commands/NAME.lua returns one
---@field help string one line
---@field where "host"|"here"
---@field usage? string
---@field run fun(cmd: cmd): integer|boolean|nil, err? exit status: 0 done, 1 failed, 2 usage

---@class cmd
---@field args string[] every word behind the name, options too (scripts/words.lua reads them)
---@field width integer
---@field color boolean
---@field tty boolean
---@field cwd string the caller's folder
---@field profile? string the profile folder as the caller wrote it
---@field out fun(text: string)
---@field err fun(text: string)
---@field ask fun(prompt: string, how?: { secret?: boolean }): string? (suspends) a line of whoever
---gave the command; secret: it does not show; nil: the input ended, or nobody can be asked
---@field again fun(request: string) JSON of a cmd: when this one ends with status 0 the command
---begins anew, as a task of the generation that runs then
