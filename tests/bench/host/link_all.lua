-- cosell link_all: links every deal that both sides hold already, with both bases, as a host leaves
-- deals that it has settled: the state that a comparison of many deals begins with.  For figures
-- only, without a host running.  Reads page by page and goes through the shipping store; it must
-- never write to a service.
local agreement = require "agreement"
local brakes = require "brakes"
local canonical = require "canonical"
local dynamics = require "dynamics"
local facts = require "facts"
local links = require "links"
local partner_center = require "partner_center"
local text = require "text"

local M = { help = "link what both sides hold", where = "host", usage = "cosell link_all" }

-- The mapping is asked once a country, not once a row.
local function remember_countries(known)
  local ask, answers = known.country_code, {}
  function known.country_code(account)
    local value = account[known.country.field]
    if type(value) ~= "string" then
      return ask(account)
    end
    answers[value] = answers[value] or ask(account)
    return answers[value]
  end
end

local function keep_referral(referral, known)
  links.learn_organization(referral)
  local deal = canonical.from_partner(referral, nil, known)
  local link = assert(links.make { name = deal.name, engagement = referral.engagementId:lower(),
    crm = { table = known.table, id = deal.crm_id },
    ours = { id = deal.id, tag = referral.eTag, at = text.ms(referral.updatedDateTime) } })
  assert(host.store.base_set(link.id, "partner", canonical.base(deal)))
end

local function keep_row(row, known)
  local link = links.get(assert(links.by_row(known.table, row[known.key]), "a row without a deal"))
  local _, partner = agreement.bases(link)
  link.crm.tag = row["@odata.etag"]
  brakes.said(link, row[known.columns.audit])
  assert(agreement.keep(link, canonical.from_crm(row, known), partner))
end

local function each_page(pages, keep, known)
  local n = 0
  for rows, err in pages do
    if not rows then
      error(err, 0)
    end
    for _, row in ipairs(rows) do
      keep(row, known)
    end
    n = n + #rows
  end
  return n
end

function M.run(cmd)
  local known = assert(facts.get())
  remember_countries(known)
  each_page(partner_center.pages { orderby = "createdDateTime asc" }, keep_referral, known)
  local n = each_page(dynamics.pages(known.table, { select = known.select, expand = known.expand }),
    keep_row, known)
  cmd.out(("linked %d deals\n"):format(n))
  return n == host.store.link_count() and 0 or 1
end

return M
