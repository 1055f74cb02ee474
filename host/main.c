/*
 * cosell: keeps two systems equal, by scripts, for one profile or many.  The map of the house: a
 * folder is a floor, and includes only go down.
 *
 * app       what the process does
 *   cli            words to commands, help, the nearest name
 *   app            `cosell run`; a command of a profile, asked of its host; the staged stop
 *   here           a command that runs in the caller's folder, without a profile's state
 *   process        loop, world and signals, for every way of running
 *   site           all of one profile, and the round: tasks, commit, release
 *   endpoints      a profile's remotes and callback listener
 *   certificate    the listener's own, exchanged when it was renewed
 *   grants         how they are signed in, and how that changes while it runs
 *   copying        a backup, between rounds
 *   refusals       callbacks that were not taken, in the log
 *   sched          due jobs become tasks; what becomes of them
 *   back           the clock was put back
 *   retry          the retry table: the kind of an error decides
 *   record         what a run leaves behind
 *   control        commands in hand, and the control socket
 *
 * script    the only users of Lua
 *   vm             a Lua state in a box, and the one door into it
 *   vm_libs        what a script sees of the standard libraries
 *   vm_err         errors between C and Lua
 *   json           exact JSON, decoded
 *   json_copy      copies of what untrusted code made
 *   json_lex       the strict scan before it; numbers and strings as text
 *   json_value     the values that Lua lacks: decimals, marked arrays
 *   json_write     Lua values as text, names sorted
 *   task           a coroutine with an owner, a cost and a place in the line
 *   task_record    what is noted of one: cost, what it said, what a rehearsal asked
 *   services       what scripts may use, handed down
 *   api            the table `host`, put together
 *   api_host       what stands in it by itself: sleep, uuid, map, run ...
 *   api_http       host.http: requests to the remotes
 *   api_store      host.store, host.queue: rows for scripts
 *   api_docs       host.docs: rows of the practice environment
 *   api_disk       host.disk: whose a file is, and how much room its disk has
 *   api_erase      host.erase: texts of the state, taken out for good
 *   api_serve      host.serve, host.spawn: what that environment is made of
 *   api_control    host.control: control sockets for commands that run here
 *   api_file       host.file: files, for those too
 *   api_child      host.child: programs that they start
 *   api_sign_in    host.sign_in: a person signs in while the host runs
 *   api_return     where his browser is sent back to
 *   api_sheet      host.sheet: tables that people keep in files
 *   api_watch      host.watch: a command hears of changes below a folder
 *   api_trial      host.trial: another version of the profile's files
 *   api_crypto     host.crypto: digests, keys, certificates
 *   api_rows       rows as Lua values, for api_store and api_docs
 *   api_kit        help for functions that Lua calls, for all of them
 *   commands       the commands there are, and one of them as a task
 *   ticks          the kinds of jobs that come again by themselves
 *   files          one consistent set of scripts, mappings, profile
 *   changes        what differs between two of them, in words
 *   problems       what is wrong with a profile folder, in words
 *   profile        the profile as plain structs
 *   profile_ref    its references, and reading what stands there
 *   mapper         the mapping process, from the host's side
 *   mapper_frame   its answers, read by position
 *   generation     a set of files, proved good
 *   reload         which generation runs, and how an old one ends
 *   trial          another set of files beside it, whose tasks only rehearse
 *
 * remote    named endpoints
 *   remote         the line of calls in front of each, and what their ends mean
 *   remote_ask     what a script may ask of one
 *   remote_set     the remotes by name
 *   remote_url     addresses that stay below a base
 *   gate           budget and pause of one remote
 *   answer         HTTP answers as kinds of errors
 *   oauth          access tokens: who waits, who asks, rotation
 *   oauth_wire     the token endpoint's requests and answers
 *   oauth_row      what the vault holds of a grant
 *   oauth_change   sign-ins that come and go
 *   oauth_device   a code that a person enters elsewhere
 *   sign_in        a sign-in that is tried before it counts
 *   verify         is this callback signed by whom we trust
 *   verify_url     where a signer's certificate may come from
 *   inbox          a callback becomes a row, and then is answered
 *
 * store     the only users of sqlite
 *   db             a round is a transaction, a step a savepoint
 *   stmt           prepared statements by name
 *   state_file     opening the file, and the checks in order
 *   migrations     the schema, step by step
 *   trouble        what can befall the file: names, exit statuses, the way back
 *   backup         a verified copy, while rounds go on
 *   restore        a backup becomes the state file
 *   copy           what both share: count, check, put in place
 *   queue          jobs: how one changes its state
 *   queue_many     jobs: all of them at once
 *   links          joined records, and what hangs on them
 *   runs           what was done
 *   filesets       the administrator's files of the last generations
 *   erase          texts of the state by place; the file without what was in it
 *   docs           documents of the practice environment; JSON edited as text
 *   json_text      one value out of a JSON text
 *   vault          our secrets, sealed
 *   private_file   files that only we may read
 *
 * io        the only users of libevent, curl, inotify
 *   loop           the one wait: rounds, timers, descriptors, signals
 *   http_server    an HTTP listener
 *   http_conn      one of its connections
 *   http_crowd     all of them: how many, whose, and who goes
 *   http_gate      the strict grammar in front of it
 *   http_call      reading a call
 *   http_client    requests by curl
 *   http_request   one on its way out, judged and copied
 *   http_answer    its answer, collected
 *   mail           a message to a mail relay, as curl sends it
 *   sheet          a workbook's sheet, cell by cell
 *   sheet_book     what its cells refer to
 *   sheet_write    a workbook, or any file that people take away, written whole
 *   pack           zip archives, within limits
 *   xml            XML, within limits
 *   supervisor     what the service manager hears: ready, reloading, alive
 *   watch          something changed under these folders
 *   child          child processes
 *   frames         messages over a Unix socket
 *   wire           the conversation of a control socket, both sides
 *   terminal       questions to the person at this process
 *
 * base      below everything
 *   err            errors are values with a kind
 *   buf            memory that never fails, and a byte string that grows
 *   log            one line a message
 *   clock          the two clocks, and times as text
 *   crypto         random bytes, digests, text forms, sealing
 *   crypto_cert    keys and certificates
 *   crypto_tls     what greets callers by TLS
 *   world          now, random, requests: all that is handed down from outside
 *
 * mapper    cosell-mapper, in which mappings run: a program of its own, on base, vm and json
 *   main           the channel and the questions
 *   channel        frames, several at a time
 *   files          what the host sent
 *   lock           no network, no files, capped memory
 */
#include "app/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
