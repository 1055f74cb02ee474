-- In place of a condition in front of the flow that sends: the original asks for Sync alone.
-- What is confidential is not shared, whatever its Sync says.
return {
  api = 1,
  columns = { opportunity = { "new_confidential" } },
  should_sync = function(crm)
    return crm.new_confidential ~= true, "it is confidential"
  end,
}
