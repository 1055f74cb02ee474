-- What a former user of the original connector finds again, and what it lacked: numbered items, in
-- our own words, and the cases that prove each.  A case is named by how its name begins, as the
-- test run prints it; one whose name begins "item N: " proves item N without being listed here.
-- An item without any such case is missing.  Data only: checklist.lua reads it.

---@class Item
---@field [1] integer  its number
---@field [2] string   what is promised
---@field [3] string[] beginnings of names of cases: each must have been run and hold

---@type Item[]
return {
  -- ---- Before the first deal ----
  { 1, "a PartnerID there is, and it is that of the solutions",
    { "doctor: partner_id: none", "doctor: partner_id: foreign" } },
  { 2, "whoever signed in may see referrals and make them", {
    "doctor: referrals: role", "doctor: role: role", "connect: a user without a role" } },
  { 3, "the application user has the privileges that are needed",
    { "doctor: privileges: lacks" } },
  { 4, "that referrals can be read is known before anything is written", {
    "doctor: referrals: role",
    "connect: the CRM's secret is entered, tried by a real call, sealed" } },
  { 5, "staging and production are profiles of their own with one mapping", {
    "one mapping: a host works with it and takes over what is saved there",
    "story 88: from staging to production" } },
  { 6, "staging's mapping comes to production unchanged, and back again",
    { "promote: there, and back again", "promote: one mapping folder for both" } },
  { 7, "columns and tables that the CRM lacks are made, or shown before", {
    "provision: a plan shows everything and writes nothing",
    "provision: a bare CRM gets all of it, published once, no key" } },
  { 8, "the original connector's schema is adopted", {
    "provision: the original's schema is adopted, nothing is written",
    "from the original: its variables, with their origin" } },
  { 9, "three connections: Partner Center, its webhooks, the CRM", {
    "connect: a person signs in with a browser on this machine",
    "connect: a device code, for the webhooks alone",
    "connect: the CRM's secret is entered, tried by a real call, sealed" } },
  { 10, "each connection is shown, tried and replaced alone", {
    "connect: the webhooks' own sign-in stays as it is, and can be forgotten",
    "connect: a certificate that is not the key's is refused, the old one works on" } },
  { 11, "what is missing is looked for in order, and said with its remedy", {
    "doctor: what is built on a cross waits for it",
    "connect: before anybody signed in the host runs, and says what to do" } },
  { 12, "provisioning shows how far it is, and what it did when", {
    "provision: a bar at a terminal; asked before it takes away",
    "provision: what was made when, by which version" } },
  { 13, "the program tells its version", {
    "install: runs from where it was put, and uninstall leaves nothing",
    "commands: status on one screen, at any width" } },
  { 14, "one command looks at everything that deals need",
    { "doctor: every cause of every check has a case", "doctor: all is fine" } },
  { 15, "secrets stand in no profile and in no log", {
    "guard 7: no command prints a secret",
    "connect: after all that no secret, code or person is in the log",
    "asking: no answer is in the log" } },

  -- ---- Partner Center's events ----
  { 16, "this host's address is registered for them",
    { "doctor: webhook: none", "from nothing: six commands, no cross, a deal each way" } },
  { 17, "all of them, or those that are chosen", {
    "story 98: some of the events", "doctor: webhook: events" } },
  { 18, "what a registration would replace is shown, and replaced only on demand", {
    "story 98: another product's registration is shown, never taken unasked",
    "story 98: taken over once its address is named, events and all" } },
  { 19, "one address stands for all events", {
    "story 98: taken over once its address is named, events and all",
    "story 98: two hosts that register in turn do not fight" } },
  { 20, "an event makes and changes deals", {
    "story 1: a deal of the portal arrives with everything",
    "story 89: a deal arrives by https of the host itself" } },
  { 21, "an event is answered once it is kept, and worked on later", {
    "inbox_signed_callback_gets_200_only_after_its_row_is_committed",
    "story 99: a receiver that hangs slows nobody" } },
  { 22, "signature, certificate chain and organisation are proved", {
    "guard 1: verify_signer_must_be_trusted_in_date_strong_and_of_the_organization",
    "guard 1: inbox_unproved_callback_gets_an_empty_401_and_no_row",
    "guard 2: verify_every_flipped_bit_of_body_and_signature_is_bad" } },
  { 23, "a test event is sent and followed", {
    "story 98: a validation event comes round",
    "story 98: a validation event that is refused says what to mend" } },
  { 24, "a registration that is lost or another's is repaired, or told", {
    "story 98: the daily check repairs a loss",
    "story 98: or says it, as the setting says" } },
  { 25, "events go on to a second receiver", {
    "story 99: body and signature go on as they came, whatever they are",
    "story 99: a killed host has lost none" } },
  { 26, "a poll finds what no event told", {
    "story 9: a deal and its changes arrive by the poll alone",
    "story 98: polls alone, as a mode of its own" } },
  { 27, "events that come twice, late or out of order do no harm", {
    "story 2: a callback ten times makes one deal",
    "story 2: a callback before its deal can be read waits for it",
    "story 2: a callback that comes an hour late changes nothing" } },

  -- ---- From the CRM to Partner Center ----
  { 28, "while Sync is off, as it is at first, nothing is sent",
    { "story 4: sync off sends nothing" } },
  { 29, "Sync on a new or an older opportunity makes a referral", {
    "story 3: help, contact, country, two solutions: a co-sell deal",
    "item 28: a row is left alone until Sync is set, and is sent then" } },
  { 30, "identifier and link of the referral come back to the row",
    { "story 3: help, contact, country, two solutions: a co-sell deal" } },
  { 31, "with the settings as shipped a deal is sent within ten minutes", {} },
  { 32, "later changes of an opportunity are sent",
    { "story 5: changes in the CRM arrive at Partner Center" } },
  { 33, "changes of deal value and closing date are sent",
    { "story 5: changes in the CRM arrive at Partner Center" } },
  { 34, "changes of name, currency, notes and state are sent", {
    "story 5: changes in the CRM arrive at Partner Center",
    "story 5: won in the CRM closes the referral",
    "situation 13: a change of one side alone takes both halves along" } },
  { 35, "where nothing that travels has changed, nothing is requested", {
    "rule 18: a column that does not travel wakes no deal",
    "rule 03: the echo of our own write reads one side and stops",
    "merge_spec: nothing_changed_nothing_written" } },
  { 36, "a deal is shared with one solution at least",
    { "story 4: a missing solution" } },
  { 37, "solutions are added and removed, and each such change is sent", {
    "solutions: one that was there before Sync was set can be removed later",
    "solutions: the last one is replaced in two steps",
    "rule 05: solutions that come and go on both sides at once all count" } },
  { 38, "help chosen makes a co-sell deal, none chosen a deal that is not", {
    "story 3: help, contact, country, two solutions: a co-sell deal",
    "story 3: a non-co-sell deal is converted by choosing help" } },
  { 39, "help chosen later turns a deal into a co-sell deal", {
    "story 3: a non-co-sell deal is converted by choosing help",
    "situation 5: step by step in the CRM" } },
  { 40, "where help is asked a customer contact is needed", {
    "story 4: help without a contact",
    "corner: help waits for a whole contact, nothing else does, and mending it is enough" } },
  { 41, "visibility is chosen, follows from help, and is never taken back", {
    "situation 5: step by step in the CRM",
    "story 3: a non-co-sell deal is converted by choosing help",
    "rule 06: help and visibility are set back when a seller takes them away" } },
  { 42, "the six kinds of help, each by its label", {} },
  { 43, "the country is needed, and is checked as a two-letter code", {
    "story 4: a country that cannot be resolved",
    "story 3: help, contact, country, two solutions: a co-sell deal" } },
  { 44, "a shared deal gets Microsoft's copy in the same engagement", {
    "story 3: help, contact, country, two solutions: a co-sell deal",
    "situation 5: from private to co-sell at once" } },
  { 45, "the customer's intent to buy on the marketplace", {} },
  { 46, "kinds of co-sell, with role, solution area and solution play", {} },
  { 47, "team members come from the CRM's team", {} },
  { 48, "the sales stage in percent", {} },
  { 49, "won and lost are sent with their reason", {} },
  { 50, "a closed referral is not changed any more, and the seller is told", {
    "situation 11: three edits after the closing are told once",
    "situation 11: closed there, then edited here, heard together",
    "withhold_spec: a_closed_referral_takes_nothing_and_it_is_told" } },
  { 51, "what can't change after creation is not sent, and the seller is told", {
    "situation 12: it is told with the deal's next write to Partner Center",
    "situation 12: twelve deals of the CRM, their account renamed: nothing is written",
    "mapping and row: what can't change is said with the next real change" } },
  { 52, "removing the last solution switches Sync off, if the setting says so", {} },

  -- ---- From Partner Center to the CRM ----
  { 53, "a deal that the partner makes in the portal is an open opportunity",
    { "story 1: a deal of the portal arrives with everything" } },
  { 54, "what comes in has Sync on",
    { "story 1: a deal of the portal arrives with everything" } },
  { 55, "what comes in has all co-sell columns filled", {} },
  { 56, "what Microsoft's sellers change reaches the opportunity", {
    "rule 16: Microsoft's copy of a visible deal sets help in the CRM",
    "story 7: Microsoft's identifier and an audit line",
    "situation 5: Microsoft upgrades a visible deal" } },
  { 57, "deals that Microsoft's sellers send are received",
    { "situation 1: the row of a deal that nobody accepted is On Hold" } },
  { 58, "a deal is accepted and declined in the CRM", {} },
  { 59, "the account is found by company name and postal code, else made", {} },
  { 60, "the contact is found, else made", {} },
  { 61, "a lead that nobody accepted is a lead, once accepted an opportunity", {} },
  { 62, "leads come in, or co-sell deals alone: a setting", {} },
  { 63, "required columns of opportunities and leads are filled by the mapping", {} },
  { 64, "Microsoft's identifier stands on the row once Microsoft accepted",
    { "story 7: Microsoft's identifier and an audit line" } },
  { 65, "the row's id is written back; an id that this CRM does not have is told", {
    "story 1: a deal of the portal arrives with everything",
    "rule 14: a deal that names a row of another CRM is listed, not made",
    "situation 17: another CRM's deal is listed, not created" } },
  { 66, "Microsoft's declining and the expiry of a deal are shown, with the reason", {} },
  { 67, "the 14 days for an answer are counted down, and a reminder is given", {} },
  { 68, "the mapping says who owns what comes in", {} },

  -- ---- What people see ----
  { 69, "marks of success and failure in the name, which can be switched off", {} },
  { 70, "the audit text on the row tells successes and failures", {} },
  { 71, "the audit text is bounded, newest first; the whole of it is kept elsewhere", {
    "situation 20: the audit text ends at 8,000, the history does not",
    "situation 20: the setting bounds it, counted as the CRM counts" } },
  { 72, "the obsolete column of products is never written", {} },
  { 73, "the catalogue of solutions: entries one by one, and many by a file", {} },
  { 74, "read-only columns that people edit are set right again", {
    "rule 08: identifier and link come back when somebody edits them",
    "merge_spec: identifier_edited_by_someone_is_restored" } },

  -- ---- What an administrator changes ----
  { 75, "the column of the deal value is chosen by its logical name", {} },
  { 76, "a calculated value of 0, or none, is not sent", {
    "story 4: a deal value of 0", "story 4: on update only the bad value is withheld" } },
  { 77, "the column of the country is chosen by its logical name", {} },
  { 78, "the country may be a look-up", {} },
  { 79, "how accounts are looked for and made is the mapping's", {} },
  { 80, "an administrator's own files are all that he changes; upgrades leave them alone", {} },
  { 81, "settings have a default and a current value, and their types are checked", {} },
  { 83, "a mapping is tried on real records, with what would change, and nothing is written", {} },

  -- ---- That it can be relied on ----
  { 85, "no change comes back as an echo", {
    "rule 03: the echo of our own write reads one side and stops",
    "story 5: changes in the CRM arrive at Partner Center",
    "property over sockets: seed" } },
  { 86, "three-way merge by field, and a policy for conflicts", {
    "story 6: different fields on both sides both survive",
    "story 6: the same field on both sides: the CRM wins, the loser is listed",
    "merge_rules_spec: both_bases_are_looked_at_each_by_its_own_side",
    "merge_rules_spec: a_policy_or_resolve_gives_the_conflict_to_the_other_side" } },
  { 87, "nothing is lost or done twice by a crash", {
    "story 10: story 3 killed just before each commit",
    "story 10: killed while a create is on its way",
    "story 10: killed with a job in hand",
    "story 10: 20 kills at random moments" } },
  { 88, "429 and 503 are waited out as the service says, with a budget for each", {
    "story 12: 429 of",
    "story 12: 503 with Retry-After from both loses nothing",
    "story 12: a CRM that throttles gets its deals at its own pace",
    "guard 5: 429 with an absurd Retry-After holds the work up for an hour at most" } },
  { 89, "no write without the version that was read, on either side", {
    "rule 07: a portal edit behind our reading is not overwritten",
    "rule 07: a row deleted behind our reading is not revived",
    "property: finds that a row is written over an edit",
    "property: finds that a referral is written over an edit" } },
  { 90, "what failed is kept, and one deal of it can be tried again", {
    "commands: retry shows what failed, tries one, tries all",
    "rule 11: what failed is tried again daily" } },
  { 91, "both sides are compared as a whole, with a report of what differs", {
    "sync --all: the caller is gone, the next one goes on",
    "sync --all: the host was killed, it goes on by itself" } },
  { 92, "older deals are brought in and linked to older rows without duplicates", {
    "adoption: with a fresh state, a row that names an older referral is not sent again",
    "orders: a found deal is adopted" } },
  { 94, "what ends (secret, certificate, sign-in) is told fourteen days before", {
    "connect: the end of a client secret is warned of in log and status",
    "connect: a sign-in that nobody used for months is warned of without a host",
    "story 89: a person hears fourteen days before it ends, and when it has" } },
  { 96, "personal data: little is kept, none is logged, one person's is erased", {
    "erase: one person leaves the state, byte by byte",
    "erase: the deals go on",
    "guard 7: a backup holds secrets only sealed, personal values in few tables" } },
  { 97, "both services can be practised offline", {
    "practice: the profile that is written works at once, and prints no secret",
    "practice: every command of the README's page, as it is written there",
    "practice: seller, portal and microsoft do what they are told, in good words" } },
  { 98, "one small machine is enough, and no other service is asked", {} },
}
