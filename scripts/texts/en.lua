-- English: what sellers read in the CRM.  A hole is {a name}; every language has the same keys and
-- the same holes (tests/spec/texts_spec.lua), and what one lacks is said as it stands here.
-- Texts only: it must never hold code.
return {
  -- How a line is put together.
  ["comma"] = ", ",
  ["semicolon"] = "; ",
  ["change"] = "{field} {was} → {now}",
  ["empty"] = "(empty)",
  ["none"] = "(none)",
  ["member-price"] = "{id} ({quantity} at {price})",
  ["member-quantity"] = "{id} ({quantity})",
  ["yes"] = "Yes",
  ["no"] = "No",
  ["unnamed"] = "(no name)",

  -- What travelled, and where to.
  ["sent"] = "Sent to Partner Center: {what}",
  ["sent-cosell"] = "Sent to Partner Center as a co-sell deal: {link}",
  ["received"] = "From Partner Center: {what}",
  ["received-lead"] = "From Partner Center: name or notes changed",
  ["created"] = "Created from Partner Center: {link}",
  ["qualified"] = "Qualified: {link}",
  ["ordered-accept"] = "Accepted by the administrator",
  ["ordered-decline"] = "Declined by the administrator",
  ["ordered-win"] = "Won by the administrator",
  ["ordered-lose"] = "Lost by the administrator",
  ["joined-by-order"] = "Joined with a deal of Partner Center by the administrator: Sync is on",
  ["with-reason"] = "{line}: {reason}",
  ["subject-won"] = "Won at Partner Center",
  ["subject-lost"] = "Closed at Partner Center",

  -- Nothing travels: cause, and what helps.
  ["not-sent"] = "Not sent to Partner Center: {why}",
  ["failed"] = "Not synchronised: {why}",
  ["failed-remote"] = "Not synchronised: {why}. Correct it: the next change of the deal is " ..
    "tried again",
  ["failed-ours"] = "Not synchronised: {why}. Tell your administrator: `cosell runs` says where",
  ["frozen"] = "Not synchronised any more: written {times} times in ten minutes, the same again " ..
    "and again: something else writes to it. Stop that; then the administrator releases the deal",
  ["off"] = "Sync with Partner Center is off: nothing travels",
  ["deleted"] = "the row was deleted in the CRM: left alone",
  ["deleted-unsent"] = "the row was deleted in the CRM before it was sent",
  ["lead-deleted"] = "the lead was deleted in the CRM: left alone",
  ["lead-disqualified"] = "accepted in Partner Center, and disqualified here: reactivate this " ..
    "lead, and it becomes an opportunity",
  ["lead-alone"] = "the lead was qualified without an opportunity",
  ["gone"] = "the deal is not at Partner Center any more",
  ["foreign"] = "this deal belongs to a row of another CRM: not synchronised here",
  ["copy"] = "copy of {deal}: a deal of its own, not synchronised yet",
  ["taken"] = "the identifier is that of {deal}: clear it in one of the two",
  ["two-referrals"] = "two referrals carry this opportunity's id: close one at Partner Center",
  ["two-deals"] = "two deals at Partner Center name one row of the CRM: close one of them there",
  ["another-deal"] = "the CRM's row with this identifier is another deal's",

  -- Why a deal is not sent yet, and what mends it.
  ["needs-name"] = "the deal has no name: give it one",
  ["needs-value"] = "the deal value is 0 or empty, or below 0: enter a value above 0",
  ["needs-currency"] = "the deal has no currency: choose one",
  ["needs-date"] = "the estimated closing date is empty: enter one",
  ["needs-solution"] = "no Microsoft solution is chosen: add at least one",
  ["needs-fewer"] = "more than 50 solutions are chosen: Partner Center takes 50 at most",
  ["needs-account"] = "the deal has no account: choose one",
  ["needs-street"] = "the account's street (address 1, line 1) is empty: fill it in",
  ["needs-city"] = "the account's city is empty: fill it in",
  ["needs-country"] = "the account's country is empty: enter its two-letter code or its name",
  ["no-country"] = "the account's country is '{country}', and no country is called so: enter " ..
    "its two-letter code or its name",
  ["needs-contact"] = "Microsoft's help is asked, but the deal has no contact: choose one",
  ["needs-whole-contact"] = "the contact needs first name, last name, e-mail and phone when " ..
    "Microsoft's help is asked",
  ["needs-role"] = "a Services co-sell deal needs a partner role: choose one",
  ["needs-area"] = "a Services co-sell deal needs a solution area: choose one",
  ["needs-play"] = "a Services co-sell deal needs a solution play: choose one",
  ["needs-owner"] = "the deal's owner needs a name, an e-mail address and a phone number in the " ..
    "CRM, or the setting team_fallback names somebody",

  -- A value that does not travel, while the rest does.
  ["keeps-value"] = "the deal value is 0 or empty, or below 0: not sent, Partner Center keeps " ..
    "its own",
  ["keeps-date"] = "the closing date is empty: not sent, Partner Center keeps its own",
  ["keeps-name"] = "the deal name is empty: not sent, Partner Center keeps its own",
  ["keeps-currency"] = "the currency is empty: not sent, Partner Center keeps its own",
  ["keeps-last"] = "at least one solution must stay: Partner Center keeps the last one",
  ["keeps-fewer"] = "more than 50 solutions are chosen: Partner Center takes no more and keeps " ..
    "its own",
  ["keeps-contact"] = "Microsoft's help is asked, but the deal has no contact with first name, " ..
    "last name, e-mail and phone: choose or complete it",
  ["keeps-refused"] = "{field}: Partner Center refuses this value and keeps its own",
  ["no-solution"] = "solution {id} is not in the CRM's table of Microsoft solutions: add it there",
  ["no-currency"] = "currency {code} does not exist in the CRM: add it there",
  ["no-room"] = "deal value {value} is beyond what the CRM's column holds: widen its range there",
  ["no-help"] = "Microsoft was asked for {value}, which the CRM's column does not have: add it " ..
    "there",
  ["no-choice"] = "{field} {value}: the CRM does not have it: add it there",
  ["no-room-part"] = "{part} {value} of solution {id} is beyond what the CRM's column holds: it " ..
    "keeps its own",
  ["empty-there"] = "{field}: Partner Center has none that can be used: the CRM keeps its own",
  ["owned"] = "{field}: the CRM's column is calculated or read-only: it keeps its own value, " ..
    "and its changes are sent",
  ["no-country-row"] = "country {country}: the CRM's table of countries does not have it once: " ..
    "correct it there, and choose it in the account",
  ["too-early"] = "closing date {date} is earlier than the CRM can hold: it keeps its own",
  ["ignored-crm"] = "{fields}: the CRM keeps its own value, whatever is written",
  ["ignored-partner"] = "{fields}: Partner Center keeps its own value, whatever is written",

  -- What cannot travel at all.
  ["told-read-only"] = "not sent: {field} can't change after creation",
  ["told-fixed"] = "{field} can't change any more: set back to Partner Center's",
  ["told-there"] = "{field}: Microsoft has the deal already, nothing is asked of it",
  ["told-closed"] = "the deal is closed at Partner Center: its state stays as it is there",
  ["told-move"] = "this state can't be sent to Partner Center from where the deal stands",
  ["told-too-late"] = "{field}: the deal closes, Microsoft is not invited any more",
  ["told-unknown"] = "Partner Center says {value}, a state that is not known here: nothing was " ..
    "changed for it",

  -- Both sides changed the same.
  ["conflict-crm"] = "both sides changed {field}: kept the CRM's {crm}, Partner Center had " ..
    "{partner}",
  ["conflict-partner"] = "both sides changed {field}: kept Partner Center's {partner}, the CRM " ..
    "had {crm}",
  ["conflict-resolve"] = "both sides changed {field}: `resolve` gave both {value}, the CRM had " ..
    "{crm}, Partner Center had {partner}",
  ["conflict-locked"] = "{conflict} (quotes or orders hold its currency)",

  -- What Microsoft did.
  ["microsoft-active"] = "Microsoft accepted the deal",
  ["microsoft-known"] = "Microsoft accepted the deal: its identifier there is {id}",
  ["microsoft-declined"] = "Microsoft declined the deal; it stays open here",
  ["microsoft-expired"] = "Microsoft did not answer in time; the deal stays open here",
  ["microsoft-won"] = "Microsoft marked its side of the deal as won",
  ["microsoft-lost"] = "Microsoft marked its side of the deal as lost",
  ["microsoft-other"] = "Microsoft's side of the deal is now {state}",

  -- What was chosen for a new deal.
  ["several-account"] = "{count} accounts match: the oldest active one was taken",
  ["several-contact"] = "{count} contacts match: the oldest active one was taken",
  ["no-owner"] = "the owner that the mapping named, \"{name}\", is neither a user nor a team",
  ["no-default-owner"] = "the setting default_owner, \"{name}\", is neither a user nor a team: " ..
    "the application user owns what is new",
  ["cut"] = "{what} cut to {max} characters, which is all that its column holds",
  ["other-for-owner"] = "The deal's owner has no {what} in the CRM: {name} (setting " ..
    "team_fallback) is named to Partner Center instead",
  ["other-for-team"] = "Nobody of the team that owns the deal has name, e-mail and phone in the " ..
    "CRM: {name} (setting team_fallback) is named to Partner Center instead",
  ["stopped"] = "The deal has no Microsoft solution any more: Sync with Partner Center was " ..
    "switched off, nothing travels. Add a solution and switch it on again",

  -- Deadlines.
  ["clock-answer"] = "Answer by {time} UTC: Partner Center closes a referral as expired that " ..
    "is neither accepted nor declined by then",
  ["clock-register"] = "Register this won deal at Partner Center by {time} UTC, 60 days after " ..
    "it was won: later it can't be registered",
  ["clock-early"] = "Won {hours} hours after it was created at Partner Center: a deal won " ..
    "within 72 hours can't be registered there",

  -- The fields, as the field table names them.
  ["field-name"] = "deal name",
  ["field-value"] = "deal value",
  ["field-currency"] = "currency",
  ["field-closing_date"] = "closing date",
  ["field-notes"] = "notes",
  ["field-state"] = "state",
  ["field-help"] = "help asked of Microsoft",
  ["field-visible"] = "visible to Microsoft sellers",
  ["field-solutions"] = "solutions",
  ["field-crm_id"] = "CRM id",
  ["field-id"] = "referral identifier",
  ["field-link"] = "referral link",
  ["field-microsoft_id"] = "Microsoft CRM identifier",
  ["field-microsoft_state"] = "Microsoft's state",
  ["field-customer"] = "customer and address",
  ["field-contact"] = "customer contact",
  ["field-team"] = "team",
  ["field-reason"] = "close reason",
  ["field-cosell_type"] = "co-sell type",
  ["field-intent"] = "purchase intent",
  ["field-partner_role"] = "partner role",
  ["field-solution_area"] = "solution area",
  ["field-solution_play"] = "solution play",
  ["field-stage"] = "sales stage",
  ["field-campaign"] = "campaign",
  ["field-program"] = "referral program",
  ["field-consent"] = "consent to contact and to share the contact",
  ["field-qualification"] = "qualification",

  -- The parts of a customer, a person, a solution.
  ["part-name"] = "customer name",
  ["part-address_line1"] = "street",
  ["part-address_line2"] = "street, line 2",
  ["part-city"] = "city",
  ["part-state"] = "state or province",
  ["part-postal_code"] = "postal code",
  ["part-country"] = "country",
  ["part-size"] = "company size",
  ["part-duns"] = "DUNS number",
  ["part-first_name"] = "first name",
  ["part-last_name"] = "last name",
  ["part-email"] = "e-mail",
  ["part-phone"] = "phone",
  ["part-title"] = "job title",
  ["part-id"] = "solution",
  ["part-price"] = "price",
  ["part-quantity"] = "quantity",

  -- The states of both sides.
  ["state-new"] = "new",
  ["state-active"] = "active",
  ["state-open"] = "open",
  ["state-hold"] = "hold",
  ["state-won"] = "won",
  ["state-lost"] = "lost",
  ["state-canceled"] = "canceled",
  ["state-declined"] = "declined",
  ["state-expired"] = "expired",
  ["state-error"] = "error",

  -- The kinds of help.
  ["help-WorkloadSpecificValueProposition"] = "WorkloadSpecificValueProposition",
  ["help-CustomerTechnicalArchitecture"] = "CustomerTechnicalArchitecture",
  ["help-ProofOfConceptOrDemo"] = "ProofOfConceptOrDemo",
  ["help-QuotesOrLicensing"] = "QuotesOrLicensing",
  ["help-PostSalesCustomerSuccess"] = "PostSalesCustomerSuccess",
  ["help-GeneralOrOther"] = "GeneralOrOther",

  -- Other choices.
  ["intent-Yes"] = "Yes",
  ["intent-No"] = "No",
  ["intent-HaveNotDecided"] = "HaveNotDecided",
  ["stage-qualify"] = "qualify",
  ["stage-develop"] = "develop",
  ["stage-propose"] = "propose",
  ["stage-close"] = "close",
  ["type-IP"] = "IP",
  ["type-Services"] = "Services",
}
