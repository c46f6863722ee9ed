# Waarmee men zich aanmeldt.
authenticators-title = Mijn authenticators
authenticators-lead = Hiermee laat u, naast uw wachtwoord, zien dat u het bent.
authenticators-none = U hebt er geen. Voeg er een toe, zodat niemand zich met alleen uw wachtwoord kan aanmelden.
authenticators-add-title = Authenticator toevoegen
authenticators-add-lead = Wat wilt u toevoegen? De sterkste staat bovenaan.
authenticators-manage = Wijzigen, testen of verwijderen
authenticators-never = Nooit
authenticators-fact-kind = Soort
authenticators-fact-added = Toegevoegd
authenticators-fact-used = Laatst gebruikt
authenticators-kind-app = Telefoon
authenticators-kind-passkey = Passkey
authenticators-kind-totp = Codes op tijd
authenticators-kind-hotp = Codes met een knop
authenticators-kind-serial = { $kind }, serienummer { $serial }
authenticators-preferred = Eerst gevraagd
authenticators-preferred-lead = Waar moeten we bij het aanmelden eerst om vragen?
authenticators-copy = Kopiëren
authenticators-copied = Gekopieerd
authenticators-print = Afdrukken

# Namen.
authenticators-label = Naam
authenticators-label-hint = Zodat u hem herkent, bijvoorbeeld “mijn telefoon”. U mag het leeg laten.
authenticators-label-empty = Geef hem een naam.
authenticators-label-long = De naam is te lang: hij mag 60 tekens hebben.
authenticators-label-hidden = De naam bevat tekens die niet te zien zijn. Typ hem opnieuw.

# Een authenticator-app.
authenticators-totp-title = Authenticator-app
authenticators-totp-lead = U hebt een authenticator-app op uw telefoon nodig. Hebt u er geen, installeer er dan eerst een.
authenticators-totp-label-usual = Authenticator-app
authenticators-totp-open = Open uw authenticator-app en kies voor het toevoegen van een account.
authenticators-totp-scan = Scan hiermee deze afbeelding:
authenticators-totp-picture = QR-code voor uw authenticator-app
authenticators-totp-here = Openen in de app op dit apparaat
authenticators-totp-type = Of typ deze sleutel in de app:
authenticators-totp-account = De app zal het account { $account } noemen.
authenticators-totp-code = De code die de app nu toont
authenticators-totp-code-hint = Zes cijfers. Spaties maken niet uit.
authenticators-totp-prove = Controleren en toevoegen
authenticators-totp-wrong = Dit is niet de code die de app zou moeten tonen. Controleer of de klok van uw telefoon goed staat, wacht op de volgende code en typ die.
authenticators-totp-called = Naam: { $label }. Hij telt pas als een code goed was; tot dan is er niets veranderd.
authenticators-totp-discard = Weggooien en opnieuw beginnen

# Een hardwaretoken.
authenticators-token-title = Hardwaretoken
authenticators-token-lead = Laat zien dat u het token in handen hebt: geef het serienummer en twee codes na elkaar.
authenticators-token-serial = Serienummer
authenticators-token-serial-hint = Het staat op de achterkant van het token.
authenticators-token-label-usual = Hardwaretoken
authenticators-token-claim = Controleren en toevoegen
authenticators-token-malformed = Een code heeft zes tot acht cijfers. Typ beide codes zoals het token ze toont.
authenticators-token-no-match = Geen vrij token met dit serienummer toont deze twee codes na elkaar. Controleer het nummer en geef twee codes die op elkaar volgen.
authenticators-first-code = Eerste code
authenticators-second-code = De code daarna
authenticators-second-code-hint = Wacht tot het token een andere code toont, of druk nog eens op de knop.

# Wat er mis kan zijn met codes.
authenticators-code-length = De code heeft { $count } cijfers.
authenticators-code-digits = Een code bestaat alleen uit cijfers.
authenticators-code-wrong = Deze code klopt niet.
authenticators-code-used = Deze code klopte en is al gebruikt. Wacht op de volgende.
authenticators-code-drifted = Deze code klopt nu niet, maar een paar minuten eerder of later wel: de klok loopt niet goed. Vind hem hieronder terug met twee codes.
authenticators-wait = { $count ->
    [one] Er waren te veel verkeerde codes. Over één minuut kunt u het opnieuw proberen.
   *[other] Er waren te veel verkeerde codes. Over { $count } minuten kunt u het opnieuw proberen.
}
authenticators-too-many-pending = U bent drie keer begonnen en hebt niets afgemaakt. Gooi er eerst een weg.

# Een ervan.
authenticators-one-title = Authenticator
authenticators-rename = Naam wijzigen
authenticators-test = Testen
authenticators-test-lead = Typ een code die hij nu toont. U ziet of die klopt; u wordt er niet mee aangemeld, en de code is daarna verbruikt.
authenticators-test-button = Testen
authenticators-resync = Terugvinden
authenticators-resync-lead = Worden zijn codes steeds geweigerd, dan is hij weggelopen. Twee codes na elkaar laten zien waar hij is.
authenticators-resync-button = Terugvinden
authenticators-remove-title = Verwijderen
authenticators-remove-ask = Wilt u { $label } verwijderen? U kunt zich er dan niet meer mee aanmelden.
authenticators-remove-last = Het is de laatste die u hebt. Zonder komt u niet meer binnen waar een tweede stap nodig is; dan helpt alleen een herstelcode of uw helpdesk.
authenticators-remove-last-yes = Ik begrijp het. Toch verwijderen.
authenticators-remove-tick = Het is de laatste die u hebt. Vink het vakje aan als u hem toch wilt verwijderen.

# Een telefoon met de app.
authenticators-app-title = Telefoon met de app
authenticators-app-lead = U krijgt een code die één telefoon met uw account verbindt. Hij werkt één keer, tien minuten lang.
authenticators-app-make = Code maken
authenticators-app-scan = Scan deze afbeelding met uw telefoon:
authenticators-app-picture = QR-code die uw telefoon verbindt
authenticators-app-here = Op dit apparaat openen
authenticators-app-type = Of typ deze code in de app:
authenticators-app-until = De code werkt tot { $until } UTC. Hij wordt alleen nu getoond.
authenticators-app-look = Is het gelukt?
authenticators-app-cancel = Code intrekken
authenticators-app-waiting = De code wacht op uw telefoon.
authenticators-app-used = Uw telefoon is verbonden.
authenticators-app-expired = De code is niet op tijd gebruikt. Maak een nieuwe.
authenticators-app-cancelled = De code is ingetrokken.
authenticators-app-too-many = U hebt al { $count } telefoons, meer mogen het er niet zijn. Verwijder er eerst een.

# Herstelcodes.
authenticators-codes-title = Herstelcodes
authenticators-codes-why = Met herstelcodes komt u binnen op de dag dat uw telefoon weg is. Elk van de tien codes werkt één keer. Bewaar ze apart van uw telefoon, op papier of in een wachtwoordbeheerder.
authenticators-codes-left = { $count ->
    [0] U hebt geen herstelcodes meer.
    [one] U hebt nog één herstelcode.
   *[other] U hebt nog { $count } herstelcodes.
}
authenticators-codes-low = Maak nieuwe herstelcodes zolang u zich nog kunt aanmelden.
authenticators-codes-link = Mijn herstelcodes
authenticators-codes-used = Gebruikt
authenticators-codes-void = Nieuwe codes maken de oude meteen ongeldig.
authenticators-codes-make = Nieuwe codes tonen
authenticators-codes-skip = Zonder verdergaan
authenticators-codes-once = Deze codes worden alleen nu getoond. Bewaar ze voordat u verdergaat.
authenticators-codes-how = Om er een te gebruiken, typt u hem waar om een code wordt gevraagd.
authenticators-codes-download = Downloaden
authenticators-codes-kept = Ik heb ze bewaard
authenticators-codes-file = Herstelcodes. Elk werkt één keer. Bewaar dit bestand waar niemand anders het kan lezen.

# Wat er zojuist is gebeurd.
authenticators-done-added = Hij is toegevoegd.
authenticators-done-renamed = Hij heeft zijn nieuwe naam.
authenticators-done-removed = Hij is verwijderd.
authenticators-done-preferred = Daar wordt vanaf nu eerst om gevraagd.
authenticators-done-right = De code klopte.
authenticators-done-found = Hij is teruggevonden; zijn codes kloppen vanaf nu.
authenticators-done-gone = Wat u begonnen was, bleef te lang liggen. Begin opnieuw.
