-- What bad_values_spec.lua lays over the rows of the field table: where each stands, what counts as
-- a value there, and what becomes of an empty one.  Data only.
--
--   at      where it stands in our referral ("theirs.": in Microsoft's); nil: nobody spoils it
--   as      what counts as a value: a name in KINDS of the spec
--   column  where it stands in the CRM's row ("parentaccountid.name": of its account)
--   new     what keeps a new deal from being sent while the CRM has none (nil: it is sent without)
--   there   what becomes of Partner Center's value once the CRM's is emptied
--   here    what becomes of the CRM's value once Partner Center's is empty or no value at all:
--             "cleared"; "default"; "restored" (the emptied side gets it again); "told": it is only
--             said; nil: nothing; else the key of what is told while the other side keeps its own
--   far     its two furthest values, as Partner Center says them
local M = {}

local LONG = ("😀é語 "):rep(2500) .. "end" -- 10,003 characters, 12,503 as the CRM counts

M.long = LONG

local function of_customer(at, column, new, as)
  return { at = "customerProfile." .. at, as = as or "text", column = "parentaccountid." .. column,
    new = new, far = { "x", LONG } }
end

local function of_contact(at, column, as)
  return { at = "customerProfile.team.1." .. at, as = as or "text",
    column = "parentcontactid." .. column, new = "needs-whole-contact", far = { "x", LONG } }
end

local function of_team(at, column, as, new)
  return { at = "team.1." .. at, as = as or "text", column = "owninguser." .. column, new = new,
    far = { "x", LONG } }
end

local function lookup(column, kind, new)
  return { at = "details.requirements.additionalRequirements.attributes." .. kind .. ".id",
    as = "choice", column = "_" .. column .. "_value", new = new, there = "cleared",
    here = "cleared", far = { "Quantum", LONG } }
end

M.rows = {
  name = { at = "name", as = "text", column = "name", new = "needs-name", there = "keeps-name",
    here = "empty-there", far = { "x", LONG } },
  value = { at = "details.dealValue", as = "amount", column = "estimatedvalue",
    new = "needs-value", there = "keeps-value", here = "empty-there",
    far = { "0.01", "922337203685477.58" } },
  currency = { at = "details.currency", as = "currency", column = "_transactioncurrencyid_value",
    new = "needs-currency", there = "keeps-currency", here = "empty-there",
    far = { "EUR", "eur" } },
  closing_date = { at = "details.closingDateTime", as = "date", column = "estimatedclosedate",
    new = "needs-date", there = "keeps-date", here = "empty-there",
    far = { "1753-01-01T00:00:00Z", "9999-12-31T00:00:00Z" } },
  notes = { at = "details.notes", as = "text", column = "description", there = "cleared",
    here = "cleared", far = { "x", LONG } },
  state = { at = "status", as = "state", column = "statecode", here = "told",
    far = { "A", LONG } },
  reason = { at = "statusReason", as = "text", far = { "x", LONG } },
  help = { at = "theirs.inviteContext.assistanceRequestCode", as = "choice",
    column = "msft_microsoftpartnercenterhelp", there = "restored",
    far = { "CustomerTechnicalArchitecture", LONG } },
  visible = { at = "consent.consentToShareReferralWithMicrosoftSellers", as = "flag",
    column = "msft_microsoftpartnercenterreferralvisible", there = "restored", here = "restored",
    far = { false, true } },
  solutions = { at = "details.requirements.solutions", as = "set", new = "needs-solution",
    there = "keeps-last", here = "empty-there" },
  cosell_type = { column = "msft_coselltype" },
  intent = { at = "details.requirements.additionalRequirements.attributes."
    .. "CustomerMarketplaceIntent.id", as = "choice", column = "msft_customerpurchaseintent",
    there = "cleared", here = "cleared", far = { "Perhaps", LONG } },
  partner_role = lookup("msft_partnerrole", "PartnerRole", "needs-role"),
  solution_area = lookup("msft_solutionarea", "SolutionArea", "needs-area"),
  solution_play = lookup("msft_solutionplay", "SolutionPlay", "needs-play"),
  stage = { at = "salesStage", as = "choice", column = "salesstage", there = "cleared",
    here = "cleared", far = { "0", LONG } },
  campaign = { at = "campaignId", as = "code", column = "new_campaign", there = "cleared",
    here = "cleared", far = { "x", LONG } },
  program = { at = "referralProgram", as = "text",
    column = "msft_microsoftpartnercenterreferralprogram", here = "cleared",
    far = { "x", LONG } },
  crm_id = { at = "externalReferenceId", as = "guid", here = "restored", far = { "x", LONG } },
  id = {}, -- without it there is no referral, and no row
  link = {},
  microsoft_id = { at = "theirs.trackingInfo.microsoftMsxId", as = "code", here = "cleared",
    far = { "x", LONG } },
  microsoft_state = { at = "theirs.status", as = "state", far = { "A", LONG } },
  customer = { at = "customerProfile", as = "record" },
  contact = { at = "customerProfile.team", as = "person", new = "needs-contact" },
  team = { at = "team", as = "people", new = "needs-owner" },
  consent = { at = "consent.consentToContact", as = "nothing", far = { false, true } },
  qualification = { at = "qualification", as = "nothing", far = { "x", LONG } },

  -- The parts of records and sets.
  ["customer.name"] = of_customer("name", "name", "needs-account"),
  ["customer.address_line1"] = of_customer("address.addressLine1", "address1_line1",
    "needs-street"),
  ["customer.address_line2"] = of_customer("address.addressLine2", "address1_line2"),
  ["customer.city"] = of_customer("address.city", "address1_city", "needs-city"),
  ["customer.state"] = of_customer("address.state", "address1_stateorprovince"),
  ["customer.postal_code"] = of_customer("address.postalCode", "address1_postalcode", nil,
    "code"),
  ["customer.country"] = of_customer("address.country", "address1_country", "needs-country",
    "code"),
  ["customer.size"] = { at = "customerProfile.size", as = "code",
    column = "parentaccountid.numberofemployees", far = { "1to9employees", LONG } },
  ["customer.duns"] = { at = "customerProfile.ids.Duns.id", as = "code",
    column = "parentaccountid.accountnumber", far = { "x", LONG } },
  ["contact.first_name"] = of_contact("firstName", "firstname"),
  ["contact.last_name"] = of_contact("lastName", "lastname"),
  ["contact.email"] = of_contact("email", "emailaddress1", "code"),
  ["contact.phone"] = of_contact("phoneNumber", "telephone1", "code"),
  ["contact.title"] = { at = "customerProfile.team.1.title", as = "text",
    column = "parentcontactid.jobtitle", far = { "x", LONG } },
  ["team.first_name"] = of_team("firstName", "firstname"),
  ["team.last_name"] = of_team("lastName", "lastname", nil, "needs-owner"),
  ["team.email"] = of_team("email", "internalemailaddress", "code", "needs-owner"),
  ["team.phone"] = of_team("phoneNumber", "mobilephone", "code", "needs-owner"),
  ["solutions.id"] = { at = "details.requirements.solutions.1.id", as = "member",
    far = { "x", LONG } },
  ["solutions.price"] = { at = "details.requirements.solutions.1.price", as = "amount",
    far = { "0", "922337203685477.58" } },
  ["solutions.quantity"] = { at = "details.requirements.solutions.1.quantity", as = "amount",
    far = { "0.25", "2147483647" } },
}

return M
