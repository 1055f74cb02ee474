/*
 * The command line.  C knows `run`, `--help` and `--version`; every other command is
 * scripts/commands/NAME.lua.
 */
#ifndef APP_CLI_H
#define APP_CLI_H

int cli_main(int argc, char **argv); /* exit status: 0 done, 1 failed, 2 usage */

#endif
