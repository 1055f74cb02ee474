-- A practice environment without a deal: what `cosell sim` has unless told otherwise.
return { seed = 1, about = "No deals: only the CRM's own people, currencies and solutions.",
  customers = {}, deals = json.array {} }
