-- What a CRM needs, and what of it one lacks: over definitions as dynamics.lua answers them.
-- Bodies and form sections that are made of it, in the CRM's own language.
local bodies = require "crm_bodies"
local fields = require "fields"
local forms = require "crm_forms"
local schema = require "crm_schema"

-- A CRM that has all of it.
local function complete(wanted)
  local metas = {}
  for _, t in ipairs(wanted or schema.tables) do
    metas[t.name] = { logical = t.name, id = t.name .. "id", tracked = t.tracked, columns = {} }
    for _, c in ipairs(t.columns) do
      local options = {}
      for i, label in ipairs(c.options or {}) do
        options[i] = { value = i, label = label, labels = { label } }
      end
      metas[t.name].columns[c.name] = { type = c.type, max = c.max, options = options,
        targets = c.target and { c.target } }
    end
  end
  return metas
end

local function told(list)
  local out = {}
  for i, m in ipairs(list) do
    out[i] = ("%s %s%s%s"):format(m.what, m.table, m.column and "." .. m.column or "",
      m.needed and "" or " (not needed)")
  end
  return out
end

local LINK = "msft_microsoftpartnercenterreferrallink"

return function(t)
  t.case("crm_schema: a CRM that has all lacks nothing", function()
    t.eq(schema.missing(complete()), {})
  end)

  t.case("crm_schema: its columns are those that the deals use", function()
    for _, row in ipairs(schema.tables) do
      for _, c in ipairs(row.standard and row.columns or {}) do
        t.eq(c.name, fields.columns[c.role], c.role)
        t.eq(c.schema:lower(), c.name)
      end
    end
  end)

  t.case("crm_schema: an empty CRM lacks its tables; of columns each is named", function()
    local metas = { opportunity = { columns = {}, tracked = true } }
    local list = told(schema.missing(metas))
    t.eq({ list[1], list[2] },
      { "table msft_microsoftsolutiondetail", "table msft_microsoftsolution" })
    t.eq({ list[3], list[#list] }, { "table msft_solutionarea (not needed)",
      "table lead (not needed)" })
    t.eq(#list, 5 + 13 + 1)
  end)

  t.case("crm_schema: types, lengths, targets, options, tracking", function()
    local metas = complete()
    local c = metas.opportunity.columns
    c[LINK].type = "Memo" -- does as well
    c.msft_microsoftpartnercenterreferralidentifier.type = "Memo"
    c.msft_microsoftcrmidentifier.max = 35
    c.msft_partnerrole.targets = {}
    c.msft_microsoftpartnercenterhelp.options[3].labels = { "Versuch", " proof OF concept / demo" }
    c.msft_customerpurchaseintent.options = { { value = 1, label = "Yes", labels = { "Yes" } } }
    metas.lead.tracked = false
    local list = schema.missing(metas)
    t.eq(told(list), { "type opportunity.msft_microsoftpartnercenterreferralidentifier",
      "length opportunity.msft_microsoftcrmidentifier",
      "options opportunity.msft_customerpurchaseintent (not needed)",
      "target opportunity.msft_partnerrole (not needed)", "tracking lead (not needed)" })
    t.eq({ list[1].found, list[2].found, list[3].wanted, list[4].found },
      { "Memo", 35, { "No", "Have not decided" }, nil })
  end)

  t.case("crm_schema: names of a profile, and tables under other names", function()
    local found = { table = "msft_line", detail = "msft_catalog", parent = "msft_deal",
      detail_lookup = "msft_entry", identifier = "msft_identifier", price = "msft_listprice" }
    local wanted = schema.wanted({ link = "new_link" }, found)
    local metas = complete(wanted)
    t.eq(schema.missing(metas, wanted), {})
    t.eq({ metas.msft_line.columns.msft_entry.targets, metas.msft_line.columns.msft_deal ~= nil,
      metas.opportunity.columns.new_link ~= nil, metas.msft_microsoftsolution },
      { { "msft_catalog" }, true, true, nil })
    metas.opportunity.columns.new_link = nil
    t.eq(told(schema.missing(metas, wanted)), { "column opportunity.new_link" })
    t.eq(schema.missing(complete()), {}, "the shipped names are as they were")
  end)

  t.case("crm_schema: look-ups that lead elsewhere, columns that are called otherwise", function()
    local metas = complete()
    metas.opportunity.columns.msft_solutionplay.targets = { "msft_play" }
    metas.msft_play = { tracked = false, columns = { msft_area = { type = "Lookup",
      targets = { "msft_solutionarea" } } } }
    metas.msft_solutionplay = nil
    local lines = metas.msft_microsoftsolution.columns
    lines.msft_listprice, lines.msft_price = lines.msft_price, nil
    lines.msft_price_base = { type = "String" }
    t.eq(schema.missing(metas, schema.wanted(nil, nil, metas.opportunity)), {})
    metas.msft_play.columns.msft_area.targets = { "account" }
    lines.msft_listprice = nil
    t.eq(told(schema.missing(metas, schema.wanted(nil, nil, metas.opportunity))),
      { "column msft_microsoftsolution.msft_price (not needed)",
        "column msft_play.msft_solutionarea (not needed)" })
  end)

  t.case("crm_bodies: labels in the CRM's language, options as documented", function()
    local help
    for _, row in ipairs(schema.tables) do
      for _, c in ipairs(row.columns) do
        help = c.role == "help" and c or help
      end
    end
    for language, word in pairs { [1033] = "How can Microsoft help?", [2057] =
      "How can Microsoft help?", [3079] = "Wie kann Microsoft helfen?",
      [1041] = "Microsoft に求める支援", [1036] = "How can Microsoft help?" } do
      local body = bodies.column(help, language)
      local label = body.DisplayName.LocalizedLabels[1]
      t.eq({ label.Label, label.LanguageCode }, { word, language })
      local option = body.OptionSet.Options[3]
      t.eq({ option.Value, option.Label.LocalizedLabels[1].Label,
        option.Label.LocalizedLabels[1].LanguageCode },
        { 299600002, "Proof of concept / demo", language })
    end
  end)

  local FORM = "<form><tabs><tab><columns><column><sections><section name=\"a\"><rows /></section>"
    .. "</sections></column></columns></tab></tabs></form>"
  local FIELDS = { { name = "msft_x", type = "String", label = { 'A "b" & <c>', "D", "E" } } }

  t.case("crm_forms: a section goes in and comes out, and nothing else changes", function()
    local section = forms.section("f", FIELDS, nil, 1033)
    local with = forms.insert(FORM, section)
    t.eq({ forms.has(FORM), forms.has(with), forms.shows(with, "msft_x"),
      forms.shows(with, "msft_") }, { false, true, true, false })
    t.has(with, 'description="A &quot;b&quot; &amp; &lt;c&gt;"')
    t.eq(forms.remove(with), FORM)
    t.eq(forms.remove(FORM), FORM)
    t.eq(forms.section("f", FIELDS, nil, 1033), section, "the same each time")
    t.ok(forms.section("g", FIELDS, nil, 1033) ~= section, "not on two forms")
    t.eq(forms.insert("<form><tabs /></form>", section), nil)
  end)

  t.case("crm_forms: the service may write the section down in another order", function()
    local section = forms.section("f", FIELDS, nil, 1033)
    local turned = section:gsub('<section (name="[^"]*") (id="[^"]*")', "<section %2 %1")
    t.ok(turned ~= section, turned)
    t.eq(forms.remove(forms.insert(FORM, turned)), FORM)
  end)
end
