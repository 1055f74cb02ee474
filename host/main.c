/*
 * cosell: keeps two systems equal, by scripts, for one profile or many.  The map of the house, a folder
 * a floor; includes only go down.
 *
 * app       what the process does
 *   cli           words to commands; help; nearest name
 *   app           run a profile; ask a running host; staged stop
 *   here          a command that runs in the caller's folder, without state
 *   process       loop, world and signals of every way of running
 *   site          all of one profile, and the round: tasks, commit, release
 *   endpoints     a profile's remotes, sign-in, callback listener
 *   sched         due jobs become tasks; what becomes of them
 *   retry         the retry table: the kind of an error decides; record: what a run leaves
 *   control       commands as tasks, and the control socket
 * script    the only users of Lua
 *   vm vm_err     a Lua state in a box; errors between C and Lua
 *   json json_lex json_write    exact JSON
 *   task          a coroutine with an owner, a cost, a place in the line
 *   api           the table `host`; api_http api_store api_docs api_serve api_control api_file
 *                 api_child api_crypto: one part of it each
 *   files         one consistent set of scripts, mappings, profile
 *   profile       the profile as plain structs; secrets by reference
 *   mapper        the mapping process, from the host's side
 *   generation    a set proved good; reload: which one runs
 * remote    named endpoints
 *   remote        requests with budget, pause, fresh token; oauth: tokens
 *   verify        is this callback signed by whom we trust; inbox: callback to row
 * store     the only users of sqlite
 *   db            the state file; a round is a transaction
 *   queue links runs vault docs    jobs; joined records; what was done; sealed secrets; practice rows
 * io        the only users of libevent, curl, inotify
 *   loop http_server http_client watch child frames; wire: what is said on a control socket
 * base      below everything
 *   err buf log clock crypto world
 * mapper    cosell-mapper, the locked process in which mappings run: a program of its own
 */
#include "app/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
