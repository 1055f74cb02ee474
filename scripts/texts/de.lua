-- German: what sellers read in the CRM, in the words of its own forms.  Keys and holes as in
-- en.lua.  Texts only: it must never hold code.
return {
  -- How a line is put together.
  ["comma"] = ", ",
  ["semicolon"] = "; ",
  ["change"] = "{field}: {was} → {now}",
  ["empty"] = "(leer)",
  ["none"] = "(keine)",
  ["member-price"] = "{id} ({quantity} zu {price})",
  ["member-quantity"] = "{id} ({quantity})",
  ["yes"] = "Ja",
  ["no"] = "Nein",
  ["unnamed"] = "(ohne Namen)",

  -- What travelled, and where to.
  ["sent"] = "An Partner Center gesendet: {what}",
  ["sent-cosell"] = "Als Co-Sell-Geschäft an Partner Center gesendet: {link}",
  ["received"] = "Aus Partner Center übernommen: {what}",
  ["received-lead"] = "Aus Partner Center übernommen: Name oder Notizen geändert",
  ["created"] = "Aus Partner Center angelegt: {link}",
  ["qualified"] = "Lead qualifiziert: {link}",
  ["ordered-accept"] = "Vom Administrator angenommen",
  ["ordered-decline"] = "Vom Administrator abgelehnt",
  ["ordered-win"] = "Vom Administrator als gewonnen abgeschlossen",
  ["ordered-lose"] = "Vom Administrator als verloren abgeschlossen",
  ["joined-by-order"] = "Vom Administrator mit einem Deal von Partner Center verbunden: " ..
    "Die Synchronisierung ist eingeschaltet",
  ["with-reason"] = "{line}: {reason}",
  ["subject-won"] = "In Partner Center gewonnen",
  ["subject-lost"] = "In Partner Center geschlossen",

  -- Nothing travels: cause, and what helps.
  ["not-sent"] = "Nicht an Partner Center gesendet: {why}",
  ["failed"] = "Nicht synchronisiert: {why}",
  ["failed-remote"] = "Nicht synchronisiert: {why}. Bitte korrigieren: Mit der nächsten " ..
    "Änderung wird es erneut versucht",
  ["failed-ours"] = "Nicht synchronisiert: {why}. Bitte den Administrator verständigen: `cosell " ..
    "runs` nennt die Stelle",
  ["frozen"] = "Synchronisierung angehalten: {times}-mal in zehn Minuten wurde immer wieder " ..
    "dasselbe geschrieben; ein anderes Programm schreibt mit. Bitte abstellen und die " ..
    "Verkaufschance dann vom Administrator freigeben lassen",
  ["off"] = "Die Synchronisierung mit Partner Center ist ausgeschaltet: Es wird nichts übertragen",
  ["deleted"] = "Die Verkaufschance wurde im CRM gelöscht und wird nicht mehr synchronisiert",
  ["deleted-unsent"] = "Die Verkaufschance wurde im CRM gelöscht, bevor sie gesendet wurde",
  ["lead-deleted"] = "Der Lead wurde im CRM gelöscht und wird nicht mehr synchronisiert",
  ["lead-disqualified"] = "In Partner Center angenommen, hier disqualifiziert: Sobald dieser " ..
    "Lead reaktiviert ist, wird er zur Verkaufschance",
  ["lead-alone"] = "Der Lead wurde ohne Verkaufschance qualifiziert",
  ["gone"] = "Das Geschäft ist in Partner Center nicht mehr vorhanden",
  ["foreign"] = "Dieses Geschäft gehört zu einem anderen CRM und wird hier nicht synchronisiert",
  ["copy"] = "Kopie von {deal}: ein eigenes Geschäft, noch nicht synchronisiert",
  ["taken"] = "Die Kennung gehört zu {deal}: Bitte bei einem der beiden löschen",
  ["two-referrals"] = "Zwei Empfehlungen tragen die ID dieser Verkaufschance: Bitte eine davon " ..
    "in Partner Center schließen",
  ["two-deals"] = "Zwei Geschäfte in Partner Center verweisen auf dieselbe Verkaufschance: " ..
    "Bitte eines davon dort schließen",
  ["another-deal"] = "Die Verkaufschance mit dieser Kennung gehört zu einem anderen Geschäft",

  -- Why a deal is not sent yet, and what mends it.
  ["needs-name"] = "Der Name fehlt: Bitte eintragen",
  ["needs-value"] = "Der Geschäftswert ist 0, leer oder negativ: Bitte einen Wert über 0 eintragen",
  ["needs-currency"] = "Die Währung fehlt: Bitte auswählen",
  ["needs-date"] = "Das geschätzte Abschlussdatum fehlt: Bitte eintragen",
  ["needs-solution"] = "Keine Microsoft-Lösung ausgewählt: Bitte mindestens eine hinzufügen",
  ["needs-fewer"] = "Mehr als 50 Lösungen ausgewählt: Partner Center nimmt höchstens 50 an",
  ["needs-account"] = "Die Firma fehlt: Bitte auswählen",
  ["needs-street"] = "Die Straße der Firma (Adresse 1, Zeile 1) fehlt: Bitte eintragen",
  ["needs-city"] = "Der Ort der Firma fehlt: Bitte eintragen",
  ["needs-country"] = "Das Land der Firma fehlt: Bitte Ländercode (zwei Buchstaben) oder Namen " ..
    "eintragen",
  ["no-country"] = "Als Land der Firma ist „{country}“ eingetragen, so heißt kein Land: Bitte " ..
    "Ländercode (zwei Buchstaben) oder Namen eintragen",
  ["needs-contact"] = "Microsoft soll helfen, aber der Kontakt fehlt: Bitte auswählen",
  ["needs-whole-contact"] = "Wenn Microsoft helfen soll, braucht der Kontakt Vorname, Nachname, " ..
    "E-Mail und Telefon",
  ["needs-role"] = "Ein Services-Co-Sell-Geschäft braucht eine Partnerrolle: Bitte auswählen",
  ["needs-area"] = "Ein Services-Co-Sell-Geschäft braucht einen Lösungsbereich: Bitte auswählen",
  ["needs-play"] = "Ein Services-Co-Sell-Geschäft braucht ein Lösungsthema: Bitte auswählen",
  ["needs-owner"] = "Der Besitzer braucht im CRM Name, E-Mail-Adresse und " ..
    "Telefonnummer, oder die Einstellung team_fallback nennt jemanden",

  -- A value that does not travel, while the rest does.
  ["keeps-value"] = "Der Geschäftswert ist 0, leer oder negativ: nicht gesendet, Partner Center " ..
    "behält seinen Wert",
  ["keeps-date"] = "Das Abschlussdatum ist leer: nicht gesendet, Partner Center behält seinen Wert",
  ["keeps-name"] = "Der Name ist leer: nicht gesendet, Partner Center behält seinen Wert",
  ["keeps-currency"] = "Die Währung ist leer: nicht gesendet, Partner Center behält seinen Wert",
  ["keeps-last"] = "Mindestens eine Lösung muss bleiben: Partner Center behält die letzte",
  ["keeps-fewer"] = "Mehr als 50 Lösungen ausgewählt: Partner Center nimmt nicht mehr an und " ..
    "behält seine Auswahl",
  ["keeps-contact"] = "Microsoft soll helfen, aber es fehlt ein Kontakt mit Vorname, Nachname, " ..
    "E-Mail und Telefon: Bitte auswählen oder ergänzen",
  ["keeps-refused"] = "{field}: Partner Center lehnt diesen Wert ab und behält seinen",
  ["no-solution"] = "Die Lösung {id} fehlt in der CRM-Tabelle der Microsoft-Lösungen: Bitte " ..
    "dort anlegen",
  ["no-currency"] = "Die Währung {code} gibt es im CRM nicht: Bitte dort anlegen",
  ["no-room"] = "Der Geschäftswert {value} passt nicht in die CRM-Spalte: Bitte deren Bereich " ..
    "erweitern",
  ["no-help"] = "Microsoft wurde um „{value}“ gebeten; diese Auswahl fehlt in der CRM-Spalte: " ..
    "Bitte dort anlegen",
  ["no-choice"] = "{field} „{value}“ gibt es im CRM nicht: Bitte dort anlegen",
  ["no-room-part"] = "{part} {value} der Lösung {id} passt nicht in die CRM-Spalte: Das CRM " ..
    "behält seinen Wert",
  ["empty-there"] = "{field}: in Partner Center leer oder unbrauchbar, das CRM behält seinen Wert",
  ["owned"] = "{field}: Die CRM-Spalte ist berechnet oder schreibgeschützt: Das CRM behält " ..
    "seinen Wert, Änderungen daran werden gesendet",
  ["no-country-row"] = "Land {country}: In der Ländertabelle des CRM steht es nicht genau " ..
    "einmal: Bitte dort berichtigen und in der Firma auswählen",
  ["too-early"] = "Das Abschlussdatum {date} ist früher, als das CRM zulässt: Es behält sein Datum",
  ["ignored-crm"] = "{fields}: Das CRM behält seinen Wert, was auch geschrieben wird",
  ["ignored-partner"] = "{fields}: Partner Center behält seinen Wert, was auch geschrieben wird",

  -- What cannot travel at all.
  ["told-read-only"] = "{field}: nach dem Anlegen nicht mehr änderbar, nicht gesendet",
  ["told-fixed"] = "{field}: nicht mehr änderbar, auf den Wert von Partner Center zurückgesetzt",
  ["told-there"] = "{field}: Microsoft hat das Geschäft bereits, es wird nichts angefragt",
  ["told-closed"] = "Das Geschäft ist in Partner Center geschlossen: Sein Status bleibt dort, " ..
    "wie er ist",
  ["told-move"] = "Dieser Status kann beim jetzigen Stand des Geschäfts nicht an Partner Center " ..
    "gesendet werden",
  ["told-too-late"] = "{field}: Das Geschäft wird geschlossen, Microsoft wird nicht mehr " ..
    "eingeladen",
  ["told-unknown"] = "Partner Center meldet {value}; dieser Status ist hier unbekannt, nichts " ..
    "wurde geändert",

  -- Both sides changed the same.
  ["conflict-crm"] = "{field}: auf beiden Seiten geändert; {crm} aus dem CRM behalten, Partner " ..
    "Center hatte {partner}",
  ["conflict-partner"] = "{field}: auf beiden Seiten geändert; {partner} aus Partner Center " ..
    "behalten, das CRM hatte {crm}",
  ["conflict-resolve"] = "{field}: auf beiden Seiten geändert; `resolve` ergab {value}, das CRM " ..
    "hatte {crm}, Partner Center {partner}",
  ["conflict-locked"] = "{conflict} (Angebote oder Aufträge halten die Währung fest)",

  -- What Microsoft did.
  ["microsoft-active"] = "Microsoft hat das Geschäft angenommen",
  ["microsoft-known"] = "Microsoft hat das Geschäft angenommen; Kennung bei Microsoft: {id}",
  ["microsoft-declined"] = "Microsoft hat das Geschäft abgelehnt; hier bleibt es offen",
  ["microsoft-expired"] = "Microsoft hat nicht rechtzeitig geantwortet; hier bleibt das " ..
    "Geschäft offen",
  ["microsoft-won"] = "Microsoft hat seine Seite des Geschäfts als gewonnen abgeschlossen",
  ["microsoft-lost"] = "Microsoft hat seine Seite des Geschäfts als verloren abgeschlossen",
  ["microsoft-other"] = "Status des Geschäfts bei Microsoft: {state}",

  -- What was chosen for a new deal.
  ["several-account"] = "{count} passende Firmen: die älteste wurde verwendet",
  ["several-contact"] = "{count} passende Kontakte: der älteste wurde verwendet",
  ["no-owner"] = "der von der Zuordnung genannte Besitzer „{name}“ ist weder ein Benutzer noch " ..
    "ein Team",
  ["no-default-owner"] = "die Einstellung default_owner, „{name}“, ist weder ein Benutzer noch " ..
    "ein Team: Neues gehört dem Anwendungsbenutzer",
  ["cut"] = "{what} auf {max} Zeichen gekürzt, mehr fasst die Spalte nicht",
  ["other-for-owner"] = "Beim Besitzer der Verkaufschance fehlt im CRM: {what}. Statt seiner " ..
    "wird dem Partner Center {name} genannt (Einstellung team_fallback)",
  ["other-for-team"] = "Niemand im Team, dem die Verkaufschance gehört, hat im CRM Name, E-Mail " ..
    "und Telefon: dem Partner Center wird {name} genannt (Einstellung team_fallback)",
  ["stopped"] = "Die Verkaufschance hat keine Microsoft-Lösung mehr: die Synchronisierung mit " ..
    "dem Partner Center wurde ausgeschaltet, nichts wird übertragen. Fügen Sie eine Lösung " ..
    "hinzu und schalten Sie sie wieder ein",

  -- Fristen.
  ["clock-answer"] = "Bis {time} UTC antworten: danach schließt das Partner Center eine " ..
    "Empfehlung, die weder angenommen noch abgelehnt ist, als abgelaufen",
  ["clock-register"] = "Diesen gewonnenen Abschluss bis {time} UTC im Partner Center " ..
    "registrieren, 60 Tage nach dem Gewinn: später geht es nicht mehr",
  ["clock-early"] = "{hours} Stunden nach dem Anlegen im Partner Center gewonnen: was innerhalb " ..
    "von 72 Stunden gewonnen wird, kann dort nicht registriert werden",

  -- The fields, as the field table names them.
  ["field-name"] = "Name",
  ["field-value"] = "Geschäftswert",
  ["field-currency"] = "Währung",
  ["field-closing_date"] = "Abschlussdatum",
  ["field-notes"] = "Notizen",
  ["field-state"] = "Status",
  ["field-help"] = "Hilfe von Microsoft",
  ["field-visible"] = "Sichtbar für Microsoft-Vertrieb",
  ["field-solutions"] = "Lösungen",
  ["field-crm_id"] = "CRM-ID",
  ["field-id"] = "Empfehlungskennung",
  ["field-link"] = "Link zur Empfehlung",
  ["field-microsoft_id"] = "Microsoft-CRM-Kennung",
  ["field-microsoft_state"] = "Status bei Microsoft",
  ["field-customer"] = "Kunde und Adresse",
  ["field-contact"] = "Kontakt",
  ["field-team"] = "Team",
  ["field-reason"] = "Abschlussgrund",
  ["field-cosell_type"] = "Co-Sell-Art",
  ["field-intent"] = "Kaufabsicht",
  ["field-partner_role"] = "Partnerrolle",
  ["field-solution_area"] = "Lösungsbereich",
  ["field-solution_play"] = "Lösungsthema",
  ["field-stage"] = "Vertriebsphase",
  ["field-campaign"] = "Kampagne",
  ["field-program"] = "Empfehlungsprogramm",
  ["field-consent"] = "Einwilligung zu Kontakt und Weitergabe",
  ["field-qualification"] = "Qualifizierung",

  -- The parts of a customer, a person, a solution.
  ["part-name"] = "Name des Kunden",
  ["part-address_line1"] = "Straße",
  ["part-address_line2"] = "Straße, Zeile 2",
  ["part-city"] = "Ort",
  ["part-state"] = "Bundesland oder Kanton",
  ["part-postal_code"] = "Postleitzahl",
  ["part-country"] = "Land",
  ["part-size"] = "Unternehmensgröße",
  ["part-duns"] = "DUNS-Nummer",
  ["part-first_name"] = "Vorname",
  ["part-last_name"] = "Nachname",
  ["part-email"] = "E-Mail",
  ["part-phone"] = "Telefon",
  ["part-title"] = "Position",
  ["part-id"] = "Lösung",
  ["part-price"] = "Preis",
  ["part-quantity"] = "Menge",

  -- The states of both sides.
  ["state-new"] = "neu",
  ["state-active"] = "aktiv",
  ["state-open"] = "offen",
  ["state-hold"] = "angehalten",
  ["state-won"] = "gewonnen",
  ["state-lost"] = "verloren",
  ["state-canceled"] = "abgebrochen",
  ["state-declined"] = "abgelehnt",
  ["state-expired"] = "abgelaufen",
  ["state-error"] = "Fehler",

  -- The kinds of help.
  ["help-WorkloadSpecificValueProposition"] = "Nutzenversprechen für die Arbeitslast",
  ["help-CustomerTechnicalArchitecture"] = "Technische Architektur beim Kunden",
  ["help-ProofOfConceptOrDemo"] = "Machbarkeitsnachweis oder Demo",
  ["help-QuotesOrLicensing"] = "Angebote oder Lizenzierung",
  ["help-PostSalesCustomerSuccess"] = "Kundenerfolg nach dem Verkauf",
  ["help-GeneralOrOther"] = "Allgemein oder Sonstiges",

  -- Other choices.
  ["intent-Yes"] = "Ja",
  ["intent-No"] = "Nein",
  ["intent-HaveNotDecided"] = "noch nicht entschieden",
  ["stage-qualify"] = "Qualifizieren",
  ["stage-develop"] = "Entwickeln",
  ["stage-propose"] = "Vorschlagen",
  ["stage-close"] = "Abschließen",
  ["type-IP"] = "IP",
  ["type-Services"] = "Services",
}
