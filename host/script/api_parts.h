/*
 * The parts of the table `host`: one registration a file, called by api_open, with the table on the
 * stack.
 */
#ifndef SCRIPT_API_PARTS_H
#define SCRIPT_API_PARTS_H

#include <lua.h>

/* host.trial and host.generations; a trial is made of generations, which open `host` themselves:
 * so this one is handed down as services.more. */
void api_trial_open(lua_State *L);

void api_host_open(lua_State *L);
void api_http_open(lua_State *L);
void api_store_open(lua_State *L);
void api_docs_open(lua_State *L);
void api_disk_open(lua_State *L);
void api_erase_open(lua_State *L);
void api_serve_open(lua_State *L);
void api_control_open(lua_State *L);
void api_file_open(lua_State *L);
void api_child_open(lua_State *L);
void api_crypto_open(lua_State *L);
void api_sheet_open(lua_State *L);
void api_sign_in_open(lua_State *L);
void api_return_open(lua_State *L);
void api_watch_open(lua_State *L);

#endif
