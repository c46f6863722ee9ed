# Het overzicht.
help-security-title = Beveiliging
help-security-lead = Bekijk wat er met uw account is gebeurd, en wees voorbereid op de dag dat uw telefoon weg is.
help-history-title = Wat er gebeurde
help-history-about = Aanmeldingen, verzoeken aan uw telefoon en wijzigingen
help-sessions-title = Waar u bent aangemeld
help-sessions-about = Browsers die bij dit portaal zijn aangemeld
help-bypass-title = Eenmalige uitzondering
help-bypass-about = Laat uzelf één keer binnen zonder tweede factor
help-language-title = Taal
help-language-about = De taal van deze pagina’s en van onze e-mail
help-phones-title = Telefoonnummers
help-phones-about = De nummers die uw organisatie van u heeft
help-questions-title = Beveiligingsvragen
help-questions-about = Voor de dag dat u niets anders hebt om u mee aan te melden
help-new-phone-title = Overstappen op een nieuwe telefoon
help-new-phone-about = Stap voor stap, terwijl u de oude nog hebt

# De geschiedenis.
help-history-lead = Het nieuwste staat bovenaan. Tijden zijn in UTC. Was u iets niet, meld het dan.
help-history-empty = Er is nog niets vastgelegd.
help-history-older = Ouder
help-history-newest = Terug naar de nieuwste
help-history-pages = Pagina’s van de geschiedenis
help-column-time = Tijd
help-column-what = Wat
help-column-to = Waarheen
help-column-from = Vanaf
help-column-do = Niet u?
help-was-not-me = Dat was ik niet
help-client-portal = Dit portaal
help-place-same = Hetzelfde adres als nu ({ $address })
help-place-trusted = Een vertrouwd netwerk ({ $address })
help-place-unknown = Niet bekend
help-by-administrator = door een beheerder

# Wat er kan gebeuren.
help-what-granted = Aangemeld
help-what-denied = Aanmelding geweigerd
help-what-prompt-sent = Op uw telefoon gevraagd
help-what-prompt-answered = Op uw telefoon beantwoord
help-what-locked-out = Geblokkeerd na te veel fouten
help-what-enrolled = Een aanmeldmethode is toegevoegd
help-what-enrolment = Binnengelaten om een eerste aanmeldmethode in te stellen
help-what-enrolment-begun = Een aanmeldmethode is begonnen
help-what-authenticator-renamed = Een aanmeldmethode is hernoemd
help-what-authenticator-removed = Een aanmeldmethode is verwijderd
help-what-authenticator-tested = Een aanmeldmethode is uitgeprobeerd
help-what-codes-throttled = Te veel verkeerde codes
help-what-activation-made = Een code voor een nieuwe telefoon is gemaakt
help-what-activation-cancelled = Een code voor een nieuwe telefoon is ingetrokken
help-what-activation-used = Een nieuwe telefoon is gekoppeld
help-what-activation-reused = Een code voor een nieuwe telefoon is een tweede keer gebruikt
help-what-enrolment-link-made = Een link om in te stellen is verstuurd
help-what-enrolment-link-used = Een link om een manier van aanmelden in te stellen is gebruikt
help-what-factor-preferred = Er is gekozen waar eerst om wordt gevraagd
help-what-token-claimed = Een hardwaretoken is in gebruik genomen
help-what-user-removed = Het account is verwijderd
help-what-recovery-codes-made = Er zijn nieuwe herstelcodes gemaakt
help-what-resynchronised = Een token is weer gelijkgezet
help-what-bypass-granted = Een eenmalige uitzondering begon
help-what-bypass-ended = Een eenmalige uitzondering is ingetrokken
help-what-fraud-reported = “Dat was ik niet” is gemeld
help-what-security-questions-set = Beveiligingsvragen zijn ingesteld
help-what-security-questions-removed = Beveiligingsvragen zijn verwijderd
help-what-security-questions-answered = Beveiligingsvragen zijn beantwoord
help-what-language-chosen = De taal is gekozen
help-what-sessions-ended = Browsers zijn afgemeld
help-what-password-changed = Het wachtwoord is gewijzigd
help-what-user-imported = Het account is opgenomen
help-what-phone-set = Een telefoonnummer is ingesteld
help-what-user-enabled = Het account is ingeschakeld
help-what-user-disabled = Het account is uitgeschakeld
help-what-user-blocked = Het account is geblokkeerd
help-what-user-unlocked = Het account is weer geopend
help-what-user-reset = Alle aanmeldmethoden zijn weggehaald
help-what-other = Iets anders: { $event }

# Waarop een uitkomst berust.
help-reason-app = goedgekeurd op de telefoon
help-reason-passkey = passkey
help-reason-totp = code uit een app
help-reason-hotp = code uit een token
help-reason-recovery-code = herstelcode
help-reason-bypass = eenmalige uitzondering
help-reason-grace = meteen nog een keer
help-reason-service-account = serviceaccount
help-reason-trusted-network = vanuit een vertrouwd netwerk
help-reason-not-enrolled = zonder tweede factor
help-reason-first-enrolment = alleen met het wachtwoord
help-reason-wrong-passkey = de passkey klopte niet
help-reason-copied-passkey = de passkey is misschien gekopieerd
help-reason-wrong-password = verkeerd wachtwoord
help-reason-password-expired = het wachtwoord is verlopen
help-reason-not-one-entry = de naam was niet eenduidig
help-reason-unknown-user = onbekend account
help-reason-no-factor = geen tweede factor die daar geldt
help-reason-must-enrol = eerst moet een tweede factor worden ingesteld
help-reason-disabled = het account was uitgeschakeld
help-reason-disabled-in-directory = het account was uitgeschakeld in de directory
help-reason-expired-in-directory = het account is verlopen in de directory
help-reason-blocked = het account was geblokkeerd
help-reason-locked-out = tijdelijk geblokkeerd
help-reason-missing-code = geen code opgegeven
help-reason-wrong-code = verkeerde code
help-reason-reused-code = een al gebruikte code
help-reason-factor-not-allowed = die manier geldt daar niet
help-reason-dialog-over = het antwoord kwam te laat
help-reason-prompt-refused = geweigerd op de telefoon
help-reason-prompt-expired = niet beantwoord op de telefoon
help-reason-prompt-cancelled = het verzoek is ingetrokken
help-reason-too-many-prompts = te veel verzoeken aan de telefoon
help-reason-already-asking = er wachtte een ander verzoek
help-reason-throttled = te veel pogingen
help-reason-approved = goedgekeurd
help-reason-refused = geweigerd
help-reason-fraud-reported = “dat was ik niet”
help-reason-right = goed
help-reason-wrong = fout
help-reason-over = te laat

# “Dat was ik niet”.
help-not-me-title = Was u dit niet?
help-not-me-lead = Dan kent iemand misschien uw wachtwoord. Als u bevestigt, doen we dit allemaal meteen:
help-not-me-refused = Verzoeken die op uw telefoon wachten, worden geweigerd.
help-not-me-blocked = Uw account wordt geblokkeerd: niemand kan zich ermee aanmelden, ook u niet.
help-not-me-out = U wordt hier en overal elders afgemeld.
help-not-me-told = De beheerders krijgen bericht.
help-not-me-next = Bel daarna uw helpdesk en wijzig uw wachtwoord. Alleen zij kunnen het account weer openen.
help-not-me-confirm = Mijn account blokkeren
help-blocked-title = Uw account is geblokkeerd
help-blocked-done = Niemand kan zich er nu mee aanmelden. U bent overal afgemeld en de beheerders weten ervan.

# Sessies.
help-sessions-lead = Kent u een hiervan niet, beëindig deze dan en bekijk wat er gebeurde.
help-session-this = Deze browser
help-session-agent-unknown = Een browser die niet zegt wat hij is
help-session-begun = Aangemeld
help-session-seen = Laatst gebruikt
help-session-factor = Tweede factor
help-session-end = Deze beëindigen
help-session-others = Alle andere beëindigen
help-done-session = Die browser is afgemeld.
help-done-sessions = Alle andere browsers zijn afgemeld.

# De uitzondering.
help-bypass-lead = Uw volgende aanmelding vraagt geen tweede factor, als die op tijd komt. Elke uitzondering wordt vastgelegd en gemeld.
help-bypass-lasts = Ze wacht { $minutes } minuten om gebruikt te worden.
help-bypass-minutes = Voor hoeveel minuten (1 tot { $most })
help-bypass-reason = Waarom u die nodig hebt
help-bypass-start = Uitzondering starten
help-bypass-runs = Een uitzondering wacht tot { $until } (UTC) om gebruikt te worden.
help-bypass-end = Nu beëindigen
help-bypass-bad-length = Kies tussen 1 en { $most } minuten.
help-bypass-bad-reason = Zeg in een paar woorden waarom u die nodig hebt.
help-bypass-not-proven = U kwam binnen met een herstelcode of een uitzondering. Meld u aan met telefoon, passkey of token om een nieuwe te starten.
help-done-bypass = De uitzondering is begonnen.
help-done-bypass-ended = De uitzondering is voorbij.

# Taal.
help-language-do = Kies de taal van deze pagina’s
help-language-auto = Zoals mijn organisatie of mijn browser aangeeft
help-done-language = De taal is ingesteld.

# Telefoonnummers.
help-phones-lead = Uw organisatie houdt deze bij. We tonen van elk nummer net genoeg om het te herkennen. Er wordt nog niets naartoe gestuurd.
help-phones-none = We kennen geen telefoonnummer van u.
help-phones-wrong = Klopt een nummer niet, meld het dan aan uw helpdesk: het wordt gewijzigd waar uw organisatie het bijhoudt.
help-phone-phone = Telefoon
help-phone-backup = Reservetelefoon
help-phone-mobile = Mobiel
help-phone-business = Werk
help-phone-home = Thuis
help-phone-for-calls = voor oproepen en berichten, zodra uw organisatie die aanbiedt
help-phone-for-backup = als het eerste nummer niet antwoordt

# Beveiligingsvragen.
help-questions-lead = Raakt u alles kwijt waarmee u zich aanmeldt, dan openen uw wachtwoord en deze antwoorden een pagina die helpt. Verder openen ze niets.
help-questions-do = Kies { $count } verschillende vragen. Hoofdletters en extra spaties maken niet uit.
help-questions-have = Uw vragen zijn ingesteld. Nieuwe antwoorden vervangen alle oude.
help-question-number = Vraag { $number }
help-question-choose = Kies een vraag
help-question-answer = Antwoord
help-questions-remove = Mijn vragen verwijderen
help-questions-count = Kies { $count } vragen en beantwoord ze allemaal.
help-questions-same-question = Kies elke vraag maar één keer.
help-questions-same-answer = Geef op elke vraag een ander antwoord.
help-questions-too-short = Een antwoord heeft minstens drie letters nodig.
help-questions-too-long = Een antwoord mag niet langer zijn dan 200 tekens.
help-questions-letters = Antwoord in letters en cijfers, zonder plaatjes.
help-done-questions = Uw vragen zijn ingesteld.
help-done-questions-removed = Uw vragen zijn verwijderd.
help-answer-title = Beantwoord uw vragen
help-answer-lead = Het blijven dezelfde vragen tot ze beantwoord zijn. Foute antwoorden tellen als mislukte aanmeldingen.
help-answer-wrong = Minstens één antwoord klopt niet. Probeer het opnieuw.
help-answer-barred = We kunnen hier niet verder. Vraag uw helpdesk om hulp.
help-question-first-teacher = Wat was de achternaam van uw eerste leerkracht?
help-question-childhood-friend = Wat was de voornaam van uw beste vriend of vriendin als kind?
help-question-first-pet = Hoe heette uw eerste huisdier?
help-question-first-car = Wat was uw eerste auto, merk en model?
help-question-first-concert = Wie speelde er op het eerste concert dat u bezocht?
help-question-first-job = In welke plaats had u uw eerste baan?
help-question-first-flight = Waar ging uw eerste vlucht heen?
help-question-childhood-street = Hoe heette de straat waarin u opgroeide?
help-question-grandmother = Wat was de voornaam van de moeder van uw moeder?
help-question-childhood-book = Van welk boek hield u als kind het meest?
help-question-parents-met = In welke plaats hebben uw ouders elkaar ontmoet?
help-question-dream-job = Wat wilde u als kind worden?

# Een verloren apparaat.
help-lost-title = Ik heb mijn apparaat niet
help-lost-lead = Misschien is er een andere manier. Probeer deze om de beurt.
help-lost-code-title = Een herstelcode
help-lost-code-do = Hebt u herstelcodes afgedrukt of bewaard? Meld u aan met uw wachtwoord en voer er een in waar om een code wordt gevraagd. Elke code werkt één keer.
help-lost-other-title = Een andere manier
help-lost-other-do = Een tweede telefoon, een passkey of een token dat u nog hebt: kies het na uw wachtwoord onder “Een andere manier”.
help-lost-questions-do = Hebt u beveiligingsvragen ingesteld en staat uw organisatie ze toe, dan komt eerst uw wachtwoord:
help-lost-desk-title = Uw helpdesk
help-lost-desk-do = Bel hen. Ze willen zeker weten dat u het bent. Vertel hun:
help-lost-desk-name = uw gebruikersnaam
help-lost-desk-what = wat er weg is en sinds wanneer
help-lost-desk-id = het nummer van deze aanmelding: { $id }
help-lost-stolen = Is het gestolen, zeg dat dan eerst: ze kunnen het meteen blokkeren.
help-lost-back = Terug naar aanmelden

# De herstelpagina.
help-recovery-title = Hulp krijgen
help-recovery-lead = U hebt laten zien dat u uw wachtwoord en antwoorden kent. Deze pagina opent verder niets; dit kunt u hier doen.
help-recovery-devices = Waarmee u zich aanmeldt
help-recovery-lost = Dit ben ik kwijt
help-recovery-last = Dit is het enige en kan daarom hier niet worden verwijderd. Heeft iemand anders het misschien, blokkeer dan uw account.
help-done-device = Het is verwijderd en opent niets meer.
help-recovery-block-do = Niemand kan zich met uw account aanmelden tot uw helpdesk het weer opent.
help-recovery-enrol = Nieuwe aanmeldmethode toevoegen

# Een nieuwe telefoon.
help-new-phone-lead = Doe dit terwijl de oude telefoon nog werkt. Werkt hij niet, lees dan wat u bij een verloren apparaat doet.
help-new-phone-1 = Open “Mijn authenticators” en voeg de nieuwe telefoon toe.
help-new-phone-2 = Bewijs het daar één keer: keur een test goed of voer een code in die hij toont.
help-new-phone-3 = Meld u één keer aan met de nieuwe telefoon.
help-new-phone-4 = Verwijder pas daarna de oude telefoon uit de lijst.
help-new-phone-5 = Wis de oude telefoon voordat u hem weggeeft.
help-new-phone-go = Mijn authenticators
help-reason-wrong-pin = de pincode klopte niet
help-what-pin-set = Uw pincode is ingesteld
help-what-pin-cleared = Uw pincode is verwijderd
