-- Zip files for solutions of the practice CRM: files stored as they are, nothing compressed. Bytes
-- to tables and back; touches no disk.
local M = {}

local crc_table

local function crc32(bytes)
  if not crc_table then
    crc_table = {}
    for i = 0, 255 do
      local c = i
      for _ = 1, 8 do c = c & 1 == 1 and 0xEDB88320 ~ (c >> 1) or c >> 1 end
      crc_table[i] = c
    end
  end
  local c = 0xFFFFFFFF
  for i = 1, #bytes do c = crc_table[(c ~ bytes:byte(i)) & 0xFF] ~ (c >> 8) end
  return c ~ 0xFFFFFFFF
end

local DATE = 0x21 -- 1980-01-01

--- The bytes of a zip of { { name, text }, ... }.
function M.write(files)
  local out, list, at = {}, {}, 0
  for _, f in ipairs(files) do
    local name, text = f[1], f[2]
    local head = string.pack("<I2I2I2I2I2I4I4I4I2I2", 20, 0, 0, 0, DATE, crc32(text), #text, #text,
      #name, 0)
    local entry = "PK\3\4" .. head .. name .. text
    list[#list + 1] = "PK\1\2" .. string.pack("<I2", 20) .. head
      .. string.pack("<I2I2I2I4I4", 0, 0, 0, 0, at) .. name
    out[#out + 1], at = entry, at + #entry
  end
  local directory = table.concat(list)
  return table.concat(out) .. directory .. "PK\5\6" .. string.pack("<I2I2I2I2I4I4I2", 0, 0, #files,
    #files, #directory, at, 0)
end

--- The files of a zip by name; nil if it is none, or compressed.
function M.read(bytes)
  local out, at = {}, 1
  if bytes:sub(1, 4) ~= "PK\3\4" then return nil end
  while bytes:sub(at, at + 3) == "PK\3\4" do
    if #bytes < at + 29 then return nil end
    local _, flags, method, _, _, crc, size, _, name_size, extra =
      string.unpack("<I2I2I2I2I2I4I4I4I2I2", bytes, at + 4)
    if method ~= 0 or flags & 8 ~= 0 then return nil end
    local from = at + 30 + name_size + extra
    local text = bytes:sub(from, from + size - 1)
    if #text ~= size or crc32(text) ~= crc then return nil end
    out[bytes:sub(at + 30, at + 29 + name_size)] = text
    at = from + size
  end
  return out
end

return M
