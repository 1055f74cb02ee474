-- Two texts, line by line, as `cosell promote` shows them.
local line_diff = require "line_diff"

local function diff(was, now)
  local out = {}
  for i, line in ipairs(line_diff.of(was, now)) do out[i] = line.mark .. line.text end
  return table.concat(out, "|")
end

-- Puts both texts together again from their lines.
local function both(was, now)
  local a, b = {}, {}
  for _, line in ipairs(line_diff.of(was, now)) do
    if line.mark ~= "@" and line.mark ~= "+" then a[#a + 1] = line.text end
    if line.mark ~= "@" and line.mark ~= "-" then b[#b + 1] = line.text end
  end
  return table.concat(a, "\n"), table.concat(b, "\n")
end

return function(t)
  t.case("diff: what differs, with what is near it", function()
    t.eq(diff("a\n", "a\n"), "")
    t.eq(diff("", "a\nb\n"), "@line 1|+a|+b")
    t.eq(diff("a\nb", ""), "@line 1|-a|-b")
    t.eq(diff("a\r\n", "a\n"), "", "an editor's line ends are no difference for people")
    t.eq(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n"),
      "@line 3| 3| 4|-5|+x| 6| 7")
    t.eq(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n"),
      "@line 1|+0| 1| 2|@line 8| 7| 8|-9")
  end)
  t.case("diff: nothing of either text is lost", function()
    local letters = { "a", "b", "c" }
    for seed = 1, 300 do
      math.randomseed(seed)
      local texts = {}
      for i = 1, 2 do
        local lines = {}
        for k = 1, math.random(0, 3) do lines[k] = letters[math.random(3)] end
        texts[i] = table.concat(lines, "\n")
      end
      local a, b = both(texts[1], texts[2])
      if texts[1] ~= texts[2] then
        t.eq({ a, b }, texts, "seed " .. seed)
      end
    end
  end)
  t.case("diff: two large texts are one change, at once", function()
    local a, b = {}, {}
    for i = 1, 5000 do a[i], b[i] = "a" .. i, "b" .. i end
    t.eq(#line_diff.of(table.concat(a, "\n"), table.concat(b, "\n")), 10001)
  end)
end
