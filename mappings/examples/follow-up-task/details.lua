-- In place of an action added behind "Create a new opportunity".
-- A task for whoever is to answer a deal of Microsoft's, made in one change set with the deal.
return {
  api = 1,
  also = function(d, crm) -- crm: the new row, of which only the id is known
    if d.state ~= "new" then return nil end -- somebody has accepted it already
    return { {
      table = "task", key = "answer",
      values = {
        subject = "Answer Microsoft: " .. (d.name or "a new deal"),
        scheduledend = ctx.today .. "T16:00:00Z",
        prioritycode = "High",
        regardingobjectid = { table = "opportunity", id = crm.opportunityid },
      },
    } }
  end,
}
