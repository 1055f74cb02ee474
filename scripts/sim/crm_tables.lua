-- The business tables of the practice CRM as one data table: columns, option sets, look-ups with
-- their navigation names, indexed columns. Facts only: metadata endpoints, rows and queries all
-- read it. Never changed at run time; what a client defines is in crm_define, the platform's own
-- tables are in crm_tables_admin.
local C = require("sim.crm_columns")

local M = {}

local AR, with, text, memo, whole = C.AR, C.with, C.text, C.memo, C.whole
local money, day, moment, guid, decimal = C.money, C.day, C.moment, C.guid, C.decimal
local flag, pick, link, customer, states = C.flag, C.pick, C.link, C.customer, C.states
local active, fixed, history, owned = C.active, C.fixed, C.history, C.owned
local currency, address, columns = C.currency, C.address, C.columns

-- The columns of the original connector (publisher prefix msft_) that lead has too.
local function connector()
  return {
    msft_microsoftpartnercenterreferralsync =
      flag({ schema = "msft_MicrosoftPartnerCenterReferralSync" }),
    msft_microsoftpartnercenterreferralidentifier = text(100),
    msft_microsoftpartnercenterreferrallink = text(255, { format = "Url" }),
    msft_microsoftpartnercenterreferralsyncaudit = memo(100000),
    msft_microsoftpartnercenterreferralprogram = text(200),
  }
end

-- A label in English, German and Japanese.
local function called(en, de, ja)
  return { { Label = en, LanguageCode = 1033 }, { Label = de, LanguageCode = 1031 },
    { Label = ja, LanguageCode = 1041 } }
end

local HELP = {
  299600000, "Workload-specific value proposition", 299600001, "Customer technical architecture",
  299600002, "Proof of concept / demo", 299600003, "Quotes / licensing",
  299600004, "Post-sales customer success", 299600005, "General or other" }
local TIMES = { 0, "Immediate", 1, "This Quarter", 2, "Next Quarter", 3, "This Year", 4, "Unknown" }
local BILLION, TRILLION, TEXT = 1000000000, 1000000000000, 2000

-- index: up to four columns that host.docs keeps as keys. ownership: User, Organization, Business.
M.tables = {
  opportunity = { set = "opportunities", display = "Opportunity", name = "name", tracked = true,
    ownership = "User", index = { "name", "msft_microsoftpartnercenterreferralidentifier",
      "parentaccountid", "parentcontactid" },
    columns = columns(history("opportunity"), owned("opportunity"), currency("opportunity"),
      connector(),
      states({ { 0, "Open", 1 }, { 1, "Won", 3 }, { 2, "Lost", 4 } },
        { { 1, "In Progress", 0 }, { 2, "On Hold", 0 }, { 3, "Won", 1 }, { 4, "Canceled", 2 },
          { 5, "Out-Sold", 2 } }), {
        name = text(300, { required = AR }),
        parentaccountid = link("account", "parentaccountid", "opportunity_parent_account"),
        parentcontactid = link("contact", "parentcontactid", "opportunity_parent_contact"),
        customerid = customer("customerid", "opportunity_customer_accounts",
          "opportunity_customer_contacts"),
        originatingleadid = link("lead", "originatingleadid", "opportunity_originating_lead"),
        estimatedvalue = money(-TRILLION, TRILLION), actualvalue = money(-TRILLION, TRILLION),
        budgetamount = money(0, TRILLION), totalamount = fixed(money(-TRILLION, TRILLION)),
        isrevenuesystemcalculated = flag({ labels = { "User Provided", "System Calculated" } }),
        estimatedclosedate = day(), actualclosedate = day(), finaldecisiondate = day(),
        description = memo(TEXT), currentsituation = memo(TEXT), customerneed = memo(TEXT),
        proposedsolution = memo(TEXT), qualificationcomments = memo(TEXT),
          quotecomments = memo(TEXT),
        customerpainpoints = memo(TEXT), closeprobability = whole(0, 100), stepname = text(200),
        opportunityratingcode = pick({ 1, "Hot", 2, "Warm", 3, "Cold" }, { default = 2 }),
        salesstage = pick({ 0, "Qualify", 1, "Develop", 2, "Propose", 3, "Close" },
          { default = 0 }),
        purchasetimeframe = pick(TIMES), timeline = pick(TIMES),
        emailaddress = text(100, { format = "Email" }),
        msft_microsoftpartnercenterhelp = pick(HELP),
        msft_microsoftpartnercenterreferralvisible = flag(),
        msft_microsoftcrmidentifier = text(100),
        msft_microsoftpartnercentersolutions = text(TEXT), -- obsolete, shown to nobody
        msft_customerpurchaseintent = pick({ 299600000, "Yes", 299600001, "No",
          299600002, "Have not decided" }),
        msft_coselltype = pick({ 299600000, "IP Co-sell", 299600001, "Services Co-sell" }),
        msft_partnerrole = link("msft_partnerrole", "msft_PartnerRole",
          "msft_opportunity_PartnerRole_msft_partnerrole"),
        msft_solutionarea = link("msft_solutionarea", "msft_SolutionArea",
          "msft_opportunity_SolutionArea_msft_solutionarea"),
        msft_solutionplay = link("msft_solutionplay", "msft_SolutionPlay",
          "msft_opportunity_SolutionPlay_msft_solutionplay"),
      }) },

  account = { set = "accounts", display = "Account", name = "name", tracked = true,
    ownership = "User", index = { "name", "parentaccountid", "primarycontactid", "accountnumber" },
    columns = columns(history("account"), owned("account"), currency("account"), active(),
      address(), {
      name = text(160, { required = AR }), accountnumber = text(20), telephone1 = text(50),
      emailaddress1 = text(100, { format = "Email" }), websiteurl = text(200, { format = "Url" }),
      description = memo(TEXT), numberofemployees = whole(0, BILLION),
        revenue = money(0, 100 * TRILLION),
      industrycode = pick({ 1, "Accounting", 7, "Consulting", 33, "Wholesale" }),
      primarycontactid = link("contact", "primarycontactid", "account_primary_contact"),
      parentaccountid = link("account", "parentaccountid", "account_parent_account"),
    }) },

  contact = { set = "contacts", display = "Contact", name = "fullname", tracked = true,
    ownership = "User", index = { "emailaddress1", "fullname", "parentcustomerid", "lastname" },
    columns = columns(history("contact"), owned("contact"), currency("contact"), active(),
      address(), {
      firstname = text(50, { required = "Recommended" }), lastname = text(50, { required = AR }),
      fullname = fixed(text(160)), middlename = text(50), suffix = text(10), salutation = text(100),
      nickname = text(100), jobtitle = text(100), department = text(100),
      emailaddress1 = text(100, { format = "Email" }), telephone1 = text(50),
        mobilephone = text(50),
      description = memo(TEXT),
      parentcustomerid = with(customer("parentcustomerid", "contact_customer_accounts",
        "contact_customer_contacts"), { required = "None" }),
    }) },

  lead = { set = "leads", display = "Lead", name = "fullname", tracked = true, ownership = "User",
    index = { "companyname", "msft_microsoftpartnercenterreferralidentifier", "parentaccountid",
      "emailaddress1" },
    columns = columns(history("lead"), owned("lead"), currency("lead"), address(), connector(),
      states({ { 0, "Open", 1 }, { 1, "Qualified", 3 }, { 2, "Disqualified", 4 } },
        { { 1, "New", 0 }, { 2, "Contacted", 0 }, { 3, "Qualified", 1 }, { 4, "Lost", 2 },
          { 5, "Cannot Contact", 2 }, { 6, "No Longer Interested", 2 }, { 7, "Canceled", 2 } }), {
        subject = text(300, { required = AR }), lastname = text(50, { required = AR }),
        firstname = text(50), fullname = fixed(text(160)), companyname = text(100),
        emailaddress1 = text(100, { format = "Email" }), telephone1 = text(50),
          mobilephone = text(20),
        pager = text(20), jobtitle = text(100), websiteurl = text(200, { format = "Url" }),
        address1_name = text(100), description = memo(TEXT), estimatedamount = money(0, TRILLION),
        estimatedclosedate = day(),
          leadsourcecode = pick({ 1, "Advertisement", 2, "Employee Referral",
          3, "External Referral", 4, "Partner", 5, "Public Relations", 6, "Seminar", 7,
            "Trade Show",
          8, "Web", 9, "Word of Mouth", 10, "Other" }),
        leadqualitycode = pick({ 1, "Hot", 2, "Warm", 3, "Cold" }, { default = 2 }),
        parentaccountid = link("account", "parentaccountid", "lead_parent_account"),
        parentcontactid = link("contact", "parentcontactid", "lead_parent_contact"),
        qualifyingopportunityid = link("opportunity", "qualifyingopportunityid",
          "lead_qualifying_opportunity"),
        customerid = customer("customerid", "lead_customer_accounts", "lead_customer_contacts"),
      }) },

  systemuser = { set = "systemusers", display = "User", name = "fullname", ownership = "Business",
    schema = "SystemUser", index = { "internalemailaddress", "applicationid", "domainname",
      "fullname" },
    columns = columns(history("systemuser"), {
      fullname = fixed(text(200)), firstname = text(64), lastname = text(64), title = text(128),
      internalemailaddress = text(100, { format = "Email" }), domainname = text(1024),
      address1_telephone1 = text(64), mobilephone = text(64), applicationid = guid(),
      azureactivedirectoryobjectid = fixed(guid()),
      isdisabled = fixed(flag({ labels = { "Enabled", "Disabled" } })),
      accessmode = pick({ 0, "Read-Write", 1, "Administrative", 2, "Read", 3, "Support User",
        4, "Non-interactive", 5, "Delegated Admin" }, { default = 0 }),
      businessunitid = link("businessunit", "businessunitid", "business_unit_system_users"),
    }) },

  team = { set = "teams", display = "Team", name = "name", ownership = "Business",
    index = { "name" },
    columns = columns(history("team"), { name = text(160), description = memo(TEXT),
      teamtype = pick({ 0, "Owner", 1, "Access" }, { default = 0 }), isdefault = fixed(flag()),
      businessunitid = link("businessunit", "businessunitid", "business_unit_teams") }) },

  businessunit = { set = "businessunits", display = "Business Unit", name = "name",
    schema = "BusinessUnit", ownership = "Business", index = { "name" },
    columns = columns(history("businessunit"), { name = text(160) }) },

  organization = { set = "organizations", display = "Organization", name = "name",
    ownership = "Organization", index = { "name" },
    columns = columns(history("organization"), { name = text(160), languagecode = whole(0, 65535),
      expirechangetrackingindays = whole(0, 365, { default = 7 }),
      basecurrencyid = link("transactioncurrency", "basecurrencyid", "basecurrency_organization") })
        },

  transactioncurrency = { set = "transactioncurrencies", display = "Currency",
    name = "currencyname",
    schema = "TransactionCurrency", ownership = "Organization", index = { "isocurrencycode" },
    columns = columns(history("transactioncurrency"), active(), {
      isocurrencycode = text(5), currencyname = text(100), currencysymbol = text(10),
      currencyprecision = whole(0, 10), exchangerate = decimal(0, 100000000000, 12) }) },

  opportunityclose = { set = "opportunitycloses", display = "Opportunity Close", id = "activityid",
    name = "subject", schema = "OpportunityClose", ownership = "User", activity = true,
    index = { "opportunityid" },
    columns = columns(history("opportunityclose"), owned("opportunityclose"),
      currency("opportunityclose"), states({ { 0, "Open", 1 }, { 1, "Completed", 2 },
        { 2, "Canceled", 3 } }, { { 1, "Open", 0 }, { 2, "Completed", 1 }, { 3, "Canceled", 2 } }),
          {
        subject = text(200), description = memo(TEXT), actualrevenue = money(-TRILLION, TRILLION),
        actualend = moment(), opportunitystatecode = pick({ 0, "Open", 1, "Won", 2, "Lost" }),
        opportunitystatuscode = pick({ 1, "In Progress", 2, "On Hold", 3, "Won", 4, "Canceled",
          5, "Out-Sold", 100000001, "Lost to price" }),
        opportunityid = link("opportunity", "opportunityid", "Opportunity_OpportunityClose",
          { delete = "Cascade" }),
      }) },

  task = { set = "tasks", display = "Task", id = "activityid", name = "subject", schema = "Task",
    ownership = "User", activity = true, index = { "regardingobjectid", "subject" },
    columns = columns(history("task"), owned("task"), states({ { 0, "Open", 2 },
      { 1, "Completed", 5 }, { 2, "Canceled", 6 } }, { { 2, "Not Started", 0 },
        { 3, "In Progress", 0 }, { 4, "Waiting on someone else", 0 }, { 5, "Completed", 1 },
        { 6, "Canceled", 2 }, { 7, "Deferred", 0 } }), {
      subject = text(200), description = memo(TEXT), scheduledend = moment(),
      prioritycode = pick({ 0, "Low", 1, "Normal", 2, "High" }, { default = 1 }),
      regardingobjectid = C.regarding("task", "opportunity", "account", "contact", "lead"),
    }) },

  annotation = { set = "annotations", display = "Note", name = "subject", ownership = "User",
    index = { "objectid" },
    columns = columns(history("annotation"), owned("annotation"), {
      subject = text(500), notetext = memo(100000), filename = text(255), mimetype = text(256),
      documentbody = memo(1073741823), isdocument = flag(),
      objectid = { type = "Lookup", targets = {
        opportunity = { nav = "objectid_opportunity", many = "Opportunity_Annotation",
          schema = "Opportunity_Annotation", delete = "Cascade" },
        account = { nav = "objectid_account", many = "Account_Annotation",
          schema = "Account_Annotation", delete = "Cascade" },
        lead = { nav = "objectid_lead", many = "Lead_Annotation", schema = "Lead_Annotation",
          delete = "Cascade" } } },
    }) },

  msft_microsoftsolution = { set = "msft_microsoftsolutions", name = "msft_name", tracked = true,
    display = "Microsoft Partner Center Solution", schema = "msft_MicrosoftSolution", custom = true,
    ownership = "User", index = { "msft_opportunityid", "msft_solutiondetailid" },
    columns = columns(history("msft_microsoftsolution"), owned("msft_microsoftsolution"),
      currency("msft_microsoftsolution"), active(), {
        msft_name = text(200), msft_price = money(0, TRILLION),
        msft_quantity = decimal(0, BILLION, 2),
        msft_opportunityid = link("opportunity", "msft_OpportunityId",
          "msft_opportunity_msft_microsoftsolution", { delete = "Cascade",
          schema = "msft_OpportunityId" }),
        msft_solutiondetailid = link("msft_microsoftsolutiondetail", "msft_SolutionDetailId",
          "msft_microsoftsolutiondetail_msft_microsoftsolution",
            { schema = "msft_SolutionDetailId" }),
      }) },

  msft_microsoftsolutiondetail = { set = "msft_microsoftsolutiondetails", name = "msft_name",
    display = "Microsoft Solution Detail", schema = "msft_MicrosoftSolutionDetail", custom = true,
    tracked = true, ownership = "User", index = { "msft_solutionidentifier" },
    columns = columns(history("msft_microsoftsolutiondetail"),
      owned("msft_microsoftsolutiondetail"),
      active(), {
        msft_name = text(200, { label = called("Name", "Name", "名前") }),
        msft_solutionidentifier = text(100,
          { label = called("Solution Identifier", "Lösungsbezeichner", "ソリューション識別子") }),
        msft_publishername = text(200, { label = called("Publisher Name", "Herausgeber", "発行元") }),
        msft_type = pick({ 299600000, "1P", 299600001, "3P", 299600002, "Own" },
          { label = called("Type", "Typ", "種類") }) }) },

  msft_solutionarea = { set = "msft_solutionareas", display = "Solution Area", name = "msft_name",
    schema = "msft_SolutionArea", custom = true, ownership = "User", index = { "msft_name" },
    columns = columns(history("msft_solutionarea"), owned("msft_solutionarea"), active(),
      { msft_name = text(200) }) },

  msft_solutionplay = { set = "msft_solutionplays", display = "Solution Play", name = "msft_name",
    schema = "msft_SolutionPlay", custom = true, ownership = "User",
    index = { "msft_name", "msft_solutionarea" },
    columns = columns(history("msft_solutionplay"), owned("msft_solutionplay"), active(),
      { msft_name = text(200), msft_solutionarea = link("msft_solutionarea", "msft_SolutionArea",
        "msft_solutionarea_msft_solutionplay") }) },

  msft_partnerrole = { set = "msft_partnerroles", display = "Partner Role", name = "msft_name",
    schema = "msft_PartnerRole", custom = true, ownership = "User", index = { "msft_name" },
    columns = columns(history("msft_partnerrole"), owned("msft_partnerrole"), active(),
      { msft_name = text(200) }) },
}

return M
