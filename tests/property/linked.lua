-- cosell linked: link numbers by CRM row, for the property test.
local M = { help = "links by row", where = "host", usage = "cosell linked" }

function M.run(cmd)
  local out = {}
  for _, link in ipairs(host.store.link_list(0, 500)) do
    if link.doc.crm then
      out[link.doc.crm.id] = link.id
    end
  end
  cmd.out(json.encode(out))
  return 0
end

return M
