--- What differs between two texts, line by line, for people.  Text in, lines out.

local M = {}

local AROUND = 2        -- equal lines that are shown beside a change
local MOST = 4000000    -- cells of the table; two larger texts are one change

local function lines_of(text)
  local out = {}
  for line in (text:sub(-1) == "\n" and text or text .. "\n"):gmatch("([^\n]*)\n") do
    out[#out + 1] = (line:gsub("\r$", ""))
  end
  return text == "" and {} or out
end

-- Lengths of the longest common sequences of the rests, row by row, from the end.
local function lengths(a, b, from, last_a, last_b)
  local rows = { [last_a + 1] = {} }
  for i = last_a, from, -1 do
    local row, below = {}, rows[i + 1]
    for j = last_b, from, -1 do
      row[j] = a[i] == b[j] and (below[j + 1] or 0) + 1
        or math.max(below[j] or 0, row[j + 1] or 0)
    end
    rows[i] = row
  end
  return rows
end

-- Every line of both: { " " | "-" | "+", line }
local function marked(a, b)
  local out, from, last_a, last_b = {}, 1, #a, #b
  local function add(mark, line) out[#out + 1] = { mark, line } end
  while from <= last_a and from <= last_b and a[from] == b[from] do
    add(" ", a[from])
    from = from + 1
  end
  while last_a >= from and last_b >= from and a[last_a] == b[last_b] do
    last_a, last_b = last_a - 1, last_b - 1
  end
  local small = (last_a - from + 1) * (last_b - from + 1) <= MOST
  local rows = small and lengths(a, b, from, last_a, last_b)
  local i, j = from, from
  while i <= last_a or j <= last_b do
    if rows and i <= last_a and j <= last_b and a[i] == b[j] then
      add(" ", a[i])
      i, j = i + 1, j + 1
    elseif j > last_b or i <= last_a and
      (not rows or (rows[i + 1][j] or 0) >= (rows[i][j + 1] or 0)) then
      add("-", a[i])
      i = i + 1
    else
      add("+", b[j])
      j = j + 1
    end
  end
  for k = last_a + 1, #a do add(" ", a[k]) end
  return out
end

-- Which of the lines are shown: changes and what is near them.
local function near(all)
  local shown = {}
  for at, one in ipairs(all) do
    for k = one[1] ~= " " and at - AROUND or at + 1, one[1] ~= " " and at + AROUND or at do
      shown[k] = true
    end
  end
  return shown
end

--- The lines that differ, with some around them; "@" with the new line's number begins each group.
---@param was string
---@param now string
---@return { mark: " "|"-"|"+"|"@", text: string }[]
function M.of(was, now)
  local out, all = {}, marked(lines_of(was), lines_of(now))
  local shown, line, open = near(all), 0, false
  for at, one in ipairs(all) do
    line = line + (one[1] ~= "-" and 1 or 0)
    if shown[at] and not open then
      out[#out + 1] = { mark = "@", text = ("line %d"):format(math.max(line, 1)) }
    end
    open = shown[at] or false
    if open then out[#out + 1] = { mark = one[1], text = one[2] } end
  end
  return out
end

return M
