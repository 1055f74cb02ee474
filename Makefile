# cosell: one Makefile, objects listed by hand, everything out of tree in build/.
#
#   make run      install what is missing, build, play the practice story (ONCE=1: and exit)
#   make test     install what is missing, build, run unit, spec and story tests
#   make checklist  what the last `make test` proves of each item of the checklist
#   make test-clients   clients nobody here wrote (npm) against the practice environment
#   make lint     floors, words, formats, linters, warnings as errors with gcc and clang
#   make test-matrix  stories with each switch and fault of the practice environment (MINUTES=90)
#   make fuzz     each fuzz target for 30 seconds (ONLY=name, SECONDS=n)
#   make valgrind the unit tests under valgrind
#   make bench    print the figures      make mutants   each guard broken once, each caught
#                 ONLY=sync-100000: the comparison of so many deals (ten minutes)
#   make bench-sim   how fast the practice environment is
#   make plants   ten errors in the practice environment, each caught (SEED=n; ONLY=all, ONLY=7.12)
#   make install    into /usr/local (prefix=, DESTDIR=)      make uninstall   takes it away again
#   make deb      a package for this Debian, in build/
#   make format   let clang-format decide
#   make docs     write the tables of mappings/README.md anew
#
# Switches: V=1 (show commands), SAN=address,undefined (sanitised test build), ONLY=name (one test)

SHELL := /bin/sh
CC ?= gcc
comma := ,
B := build
T := build/test$(if $(SAN),-$(subst $(comma),-,$(SAN)))
Q := $(if $(V),,@)

PACKAGES := lua5.4 lua5.4-cjson libcurl sqlite3 libcrypto libssl libevent libevent_openssl \
	libseccomp libzip expat xlsxwriter
WARN := -Wall -Wextra -Wshadow -Wundef -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	-Wconversion -Wno-sign-conversion -Wvla -Wwrite-strings -Wimplicit-fallthrough
CPPFLAGS += -Ihost -D_GNU_SOURCE $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
CFLAGS ?= -O2 -g
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
# No binary tells, or differs by, where it was built.
CFLAGS_ALL = -std=c11 $(WARN) $(CFLAGS) -ffile-prefix-map=$(CURDIR)=. $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all,$(HARDEN))
LDFLAGS_ALL = $(LDFLAGS) -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN))
LIBS_HOST = $(shell pkg-config --libs lua5.4 lua5.4-cjson libcurl sqlite3 libssl libcrypto \
	libevent_openssl libevent libzip expat xlsxwriter)
LIBS_WORLD = -Wl,-Bstatic -llua5.4-cjson -llua5.4 -Wl,-Bdynamic -lm -lsqlite3 -lssl -lcrypto -lzip -lexpat -lxlsxwriter
WRAPPED := lua_newstate lua_close lua_sethook luaL_loadbufferx crypto_key_load crypto_key_free \
	clock_wall_ms clock_mono_us log_line
WRAPS := $(WRAPPED:%=-Wl,--wrap=%)
LIBS_MAPPER = -Wl,-Bstatic -llua5.4-cjson -llua5.4 -Wl,-Bdynamic -lm -lseccomp

BASE := buf clock crypto crypto_cert crypto_tls err log world
IO := child frames http_answer http_call http_client http_conn http_crowd http_gate http_request \
	http_server loop mail pack sheet sheet_book sheet_write supervisor terminal watch wire xml
STORE := backup copy db docs erase filesets json_text links migrations private_file queue queue_many restore runs \
	state_file stmt trouble vault
REMOTE := answer gate inbox oauth oauth_change oauth_device oauth_row oauth_wire remote remote_ask \
	remote_set remote_url sign_in verify verify_url
SCRIPT := api api_child api_control api_crypto api_disk api_docs api_erase api_file api_host api_http \
	api_kit api_return api_rows \
	api_serve api_sheet api_sign_in api_store api_trial api_watch changes commands files generation json \
	json_copy json_lex json_value json_write mapper mapper_frame problems profile profile_ref reload task \
	task_record ticks trial vm vm_err vm_libs
APP := app back certificate cli control copying endpoints grants here process record refusals retry sched site
MAPPER := channel files lock main

HOST_FILES := $(BASE:%=base/%) $(IO:%=io/%) $(STORE:%=store/%) $(REMOTE:%=remote/%) \
	$(SCRIPT:%=script/%) $(APP:%=app/%)
MAPPER_FILES := $(MAPPER:%=mapper/%) base/err base/buf base/clock script/vm script/vm_err \
	script/vm_libs script/json script/json_copy script/json_lex script/json_value script/json_write
WORLD := chunks disk dice host keys loop main mapping net practice run shrink steady trace watch wire
FUZZ := answer callback certificate json mapping profile sheet
F := build/fuzz
FUZZ_FLAGS = -std=c11 $(WARN) -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
CHECKS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))

.PHONY: all docs run test checklist test-clients test-matrix lint format bench bench-sim fuzz valgrind mutants plants install uninstall deb clean deps deps-lint check-deps
all: $(B)/cosell $(B)/cosell-mapper $(B)/countries.lua

# ---- what comes from Debian ----
deps:
	$(Q)vendor/install build
deps-lint:
	$(Q)vendor/install build lint

# ---- objects ----
$(B)/rel/%.o: host/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c $< -o $@
$(T)/obj/%.o: host/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DCOSELL_TEST $(if $(SAN),-DCOSELL_UNLOCKED) $(CFLAGS_ALL) -MMD -MP -c $< -o $@
$(T)/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests -DCOSELL_TEST $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(T)/probe/%.o: tests/probe/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DCOSELL_TEST $(CFLAGS_ALL) -MMD -MP -c $< -o $@
$(T)/property/%.o: tests/property/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests/property -DCOSELL_TEST $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(B)/rel/libcosell.a: $(HOST_FILES:%=$(B)/rel/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^
$(T)/libcosell.a: $(HOST_FILES:%=$(T)/obj/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/cosell: $(B)/rel/main.o $(B)/rel/libcosell.a
	$(Q)$(CC) $(LDFLAGS_ALL) $^ -o $@ $(LIBS_HOST)
$(T)/cosell: $(T)/obj/main.o $(T)/libcosell.a
	$(Q)$(CC) $(LDFLAGS_ALL) $^ -o $@ $(LIBS_HOST)
$(B)/cosell-mapper: $(MAPPER_FILES:%=$(B)/rel/%.o)
	$(Q)$(CC) $(LDFLAGS_ALL) $^ -o $@ $(LIBS_MAPPER)
$(T)/cosell-mapper: $(MAPPER_FILES:%=$(T)/obj/%.o)
	$(Q)$(CC) $(LDFLAGS_ALL) $^ -o $@ $(LIBS_MAPPER)
$(T)/unit-tests: $(CHECKS:%=$(T)/unit/%.o) $(T)/libcosell.a | $(T)/lock-probe $(B)/relay
	$(Q)$(CC) $(LDFLAGS_ALL) $^ -o $@ $(LIBS_HOST)
$(T)/lock-probe: $(T)/probe/lock.o $(T)/obj/mapper/lock.o $(T)/obj/base/err.o $(T)/obj/base/clock.o
	$(Q)$(CC) $(LDFLAGS_ALL) $^ -o $@ -lseccomp
# a mail relay for the tests
$(B)/relay: tests/probe/relay.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 $(WARN) -O1 -g $< -o $@ $(shell pkg-config --libs libssl libcrypto)
$(T)/cosell-world: $(WORLD:%=$(T)/property/%.o) $(T)/obj/mapper/files.o $(T)/libcosell.a
	$(Q)$(CC) $(LDFLAGS) -no-pie $(if $(SAN),-fsanitize=$(SAN)) $(WRAPS) $^ -o $@ $(LIBS_WORLD)
$(B)/bench-mapping: tests/bench/mapping.c tests/unit/mapper_kit.h $(B)/rel/libcosell.a
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS_ALL) $(LDFLAGS_ALL) $< $(B)/rel/libcosell.a -o $@ $(LIBS_HOST)
# libFuzzer is clang's
$(F)/obj/%.o: host/%.c
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -DCOSELL_TEST $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined \
		-MMD -MP -c $< -o $@
$(F)/libcosell.a: $(HOST_FILES:%=$(F)/obj/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^
$(F)/%: tests/fuzz/%.c $(F)/libcosell.a
	$(Q)clang $(CPPFLAGS) -Itests -DCOSELL_TEST $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined \
		-MMD -MP $< $(F)/libcosell.a -o $@ $(LIBS_HOST)
$(B)/countries.lua: vendor/make-countries
	@mkdir -p $(@D)
	$(Q)vendor/make-countries > $@.new && mv $@.new $@

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- the two commands ----
run: deps
	$(Q)$(MAKE) --no-print-directory -j2 all
	$(Q)$(B)/cosell demo $(if $(ONCE),--once)

test: deps
	$(Q)vendor/install test
	$(Q)$(MAKE) --no-print-directory -j2 all $(T)/cosell $(T)/cosell-mapper $(T)/unit-tests \
		$(B)/relay $(T)/cosell-world $(if $(SAN),,$(FUZZ:%=$(F)/%))
	$(Q)tests/run $(T) $(ONLY)

checklist:
	$(Q)tests/checklist $(T)

# Installed by a step of its own: nothing but npm ci writes into tests/clients/node_modules.
CLIENTS := tests/clients/node_modules
$(CLIENTS)/.package-lock.json: tests/clients/package.json tests/clients/package-lock.json
	$(Q)command -v node >/dev/null && command -v npm >/dev/null || vendor/install clients
	$(Q)cd tests/clients && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	$(Q)touch $@
test-clients: deps $(CLIENTS)/.package-lock.json
	$(Q)$(MAKE) --no-print-directory -j2 all
	$(Q)tests/clients/run $(B)

test-matrix: deps
	$(Q)vendor/install test
	$(Q)$(MAKE) --no-print-directory -j2 all $(T)/cosell $(T)/cosell-mapper
	$(Q)tests/matrix/run $(T) $(if $(MINUTES),$(MINUTES),90) "$(ONLY)"

# ---- care ----
docs: $(T)/cosell $(T)/cosell-mapper $(B)/countries.lua
	$(Q)COSELL_SCRIPTS=scripts COSELL_COMMANDS=tests $(T)/cosell docs

lint: deps-lint
	$(Q)tests/lint
format:
	$(Q)clang-format -i $$(find host tests -name '*.[ch]')
bench: deps
	$(Q)vendor/install bench
	$(Q)$(MAKE) --no-print-directory -j2 all $(T)/cosell $(T)/cosell-mapper $(T)/unit-tests \
		$(B)/bench-mapping
	$(Q)tests/bench/run $(T) $(ONLY)
bench-sim:
	$(Q)$(MAKE) --no-print-directory bench ONLY=practice
fuzz: deps
	$(Q)vendor/install test
	$(Q)$(MAKE) --no-print-directory -j2 $(FUZZ:%=$(F)/%)
	$(Q)tests/fuzz/run $(if $(SECONDS),$(SECONDS),30) $(if $(ONLY),$(ONLY),$(FUZZ))
valgrind: deps
	$(Q)vendor/install test
	$(Q)$(MAKE) --no-print-directory -j2 all $(T)/unit-tests $(T)/cosell-mapper
	$(Q)tests/valgrind $(T) $(ONLY)
mutants: deps
	$(Q)tests/mutants/run $(ONLY)
plants: deps
	$(Q)$(MAKE) --no-print-directory -j2 $(B)/countries.lua $(T)/cosell $(T)/cosell-mapper
	$(Q)tests/plants/run $(or $(ONLY),$(SEED))
clean:
	rm -rf $(B)

# ---- installing ----
# All of it lies in one folder of its own, but for a link to the program and what other programs
# look for: unit, user, man page, completions, documents.
prefix ?= /usr/local
bindir = $(prefix)/bin
ownlibdir = $(prefix)/lib/cosell
unitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
man1dir = $(prefix)/share/man/man1
bashdir = $(prefix)/share/bash-completion/completions
zshdir = $(prefix)/share/zsh/site-functions
docdir = $(prefix)/share/doc/cosell
DOCS := README.md CHANGELOG LICENSE host/dist/WINDOWS.md host/dist/Containerfile
PAGES := $(B)/dist/cosell.1 $(B)/dist/cosell.bash $(B)/dist/_cosell
INSTALLED = $(bindir)/cosell $(unitdir)/cosell@.service $(sysusersdir)/cosell.conf \
	$(man1dir)/cosell.1 $(bashdir)/cosell $(zshdir)/_cosell

$(PAGES) &: $(B)/cosell host/dist/make-pages host/dist/cosell.1.in $(shell find scripts -name '*.lua')
	@mkdir -p $(B)/dist
	$(Q)COSELL_SCRIPTS= host/dist/make-pages $(B)/cosell host/dist/cosell.1.in $(B)/dist

install: all $(PAGES)
	$(Q)rm -rf $(DESTDIR)$(ownlibdir)
	$(Q)install -D -t $(DESTDIR)$(ownlibdir)/bin $(B)/cosell $(B)/cosell-mapper
	$(Q)install -D -m 644 -t $(DESTDIR)$(ownlibdir)/bin $(B)/countries.lua
	$(Q)find scripts mappings -type f -exec install -D -m 644 {} $(DESTDIR)$(ownlibdir)/{} \;
	$(Q)mkdir -p $(DESTDIR)$(bindir) $(DESTDIR)$(unitdir)
	$(Q)ln -sfn ../lib/cosell/bin/cosell $(DESTDIR)$(bindir)/cosell
	$(Q)sed 's,@bindir@,$(bindir),' host/dist/cosell@.service.in >$(DESTDIR)$(unitdir)/cosell@.service
	$(Q)chmod 644 $(DESTDIR)$(unitdir)/cosell@.service
	$(Q)install -D -m 644 host/dist/cosell.sysusers $(DESTDIR)$(sysusersdir)/cosell.conf
	$(Q)install -D -m 644 $(B)/dist/cosell.1 $(DESTDIR)$(man1dir)/cosell.1
	$(Q)install -D -m 644 $(B)/dist/cosell.bash $(DESTDIR)$(bashdir)/cosell
	$(Q)install -D -m 644 $(B)/dist/_cosell $(DESTDIR)$(zshdir)/_cosell
	$(Q)install -D -m 644 -t $(DESTDIR)$(docdir) $(DOCS)
uninstall:
	$(Q)rm -rf $(DESTDIR)$(ownlibdir) $(DESTDIR)$(docdir)
	$(Q)rm -f $(INSTALLED:%=$(DESTDIR)%)

deb:
	$(Q)vendor/install build deb
	$(Q)$(MAKE) --no-print-directory -j2 all $(firstword $(PAGES))
	$(Q)host/dist/make-deb $(B)
