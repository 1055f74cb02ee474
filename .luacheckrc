std = "lua54"
max_line_length = 100
-- what the host gives to scripts (host/script/api.h, json.h); mappings see only json.null as `null`
read_globals = { "host", "json" }
files["mappings"] = { read_globals = { "ctx", "null" } }
files["scripts/host.lua"] = { globals = { "host", "json" }, read_globals = {}, ignore = { "122", "212" } }
files["tests/spec"] = { globals = { "host" } }
exclude_files = { "build", "tests/clients/node_modules" }
