-- In place of nothing that could be edited: states and close reasons of the original are fixed.
-- Status reasons of your own stand for a state, and a column of your own says why a deal was lost.
local WORDS = { -- the options of new_lossreason
  [100000000] = "Budget not adequate", [100000001] = "Budget not adequate",
  [100000002] = "Customer did not respond", [100000003] = "Chose another vendor",
}

return {
  api = 1,
  columns = { opportunity = { "new_lossreason" } },
  status_reasons = { -- the CRM's label -> the state it stands for
    ["Under review"] = "new", -- not answered yet: this accepts nothing
    ["Lost to price"] = "lost",
  },
  close_reason = function(crm) -- nil: Other
    return WORDS[crm.new_lossreason]
  end,
}
