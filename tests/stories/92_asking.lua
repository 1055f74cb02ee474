-- Story 92: commands ask whoever gave them: over the control socket of a running host, without a
-- host, and from the caller's folder; at a terminal a secret does not show.
local kit = require "commands.kit"

local WAIT_MS = 20000

local function start(s, name, input)
  return assert(host.child.start { argv = { name, "--profile", s.profile }, input = input })
end

local function all(child)
  while child:line(WAIT_MS) do end
  return child:output(), child:wait().exit
end

-- The text that a person sees up to the question, which has no line end.
local function asked(child, prompt)
  kit.wait("the question " .. prompt, function()
    child:line(10)
    return child:output():find(prompt, 1, true)
  end)
end

local function dialogue(t, child)
  asked(child, "Name? ")
  t.has(child:output(), "first said\nName? ", "said before it asks")
  assert(child:write("Ada\n"))
  asked(child, "Key? ")
  assert(child:write("s3cret with blanks\r\n"))
  asked(child, "More? ")
  assert(child:write(nil))
  local text, exit = all(child)
  t.has(text, "name: Ada\n")
  t.has(text, "key, from its end: sknalb htiw terc3s\n")
  t.has(text, "more: nil\n")
  t.eq(exit, 0, text)
end

-- The same at a terminal: what is typed at once shows but for the secret.
local function at_a_terminal(t, s, name)
  local program = "/proc/" .. s.sim:pid() .. "/exe"
  local child = assert(host.child.start { path = "/usr/bin/script", input = true, argv = { "-qec",
    ("%s %s --profile %s"):format(program, name, s.profile), "/dev/null" } })
  asked(child, "Name? ")
  assert(child:write("Ada\n"))
  asked(child, "Key? ")
  assert(child:write("hush-hush\n"))
  asked(child, "More? ")
  assert(child:write("\4"))
  local text, exit = all(child)
  t.eq(exit, 0, text)
  t.has(text, "Name? Ada\r\nname: Ada\r\nKey? \r\nkey, from its end: hsuh-hsuh\r\nMore? ")
  t.has(text, "more: nil")
  t.ok(not text:find("hush", 1, true), text)
end

return function(t)
  kit.with({ env = kit.COMMANDS }, function(s)
    t.case("asking: over the control socket of a running host", function()
      dialogue(t, start(s, "asks", true))
    end)
    t.case("asking: nobody there is no answer, and no wait", function()
      local text, exit = all(start(s, "asks", false))
      t.has(text, "name: nil\n")
      t.eq(exit, 0, text)
      local said = s:command("asks")
      t.has(said, "name: nil\nkey, from its end: lin\nmore: nil\n", "a program gave it")
    end)
    t.case("asking: who leaves in the middle ends the command, not the host", function()
      local child = start(s, "asks", true)
      asked(child, "Name? ")
      t.eq(s:status().commands, 2, "that one and status itself")
      child:kill("INT")
      t.eq(child:wait().exit, 1)
      kit.wait("the command's end", function() return s:status().commands == 1 end)
      dialogue(t, start(s, "asks", true))
    end)
    t.case("asking: at a terminal a secret does not show", function()
      at_a_terminal(t, s, "asks")
    end)
    t.case("asking: no answer is in the log", function()
      t.ok(not s.host:output():find("hush", 1, true) and
        not s.host:output():find("s3cret", 1, true), "the log holds an answer")
    end)
    s:host_stop()
    t.case("asking: without a host", function()
      dialogue(t, start(s, "asks", true))
      at_a_terminal(t, s, "asks")
    end)
    t.case("asking: from the caller's folder", function()
      dialogue(t, start(s, "asks_here", true))
      at_a_terminal(t, s, "asks_here")
    end)
  end)
end
