# De wizard voor de eerste keer.
enrol-steps = Stappen
enrol-step-begin = Beginnen
enrol-step-choose = Kiezen
enrol-step-add = Toevoegen en proberen
enrol-step-codes = Herstelcodes

enrol-intro-title = Bescherm uw account
enrol-intro-why = Een wachtwoord kan worden geraden of gestolen. Met een tweede stap die alleen u hebt, kan niemand anders zich als u aanmelden.
enrol-intro-how = Het duurt ongeveer twee minuten. U kiest wat bij u past, voegt het toe en probeert het één keer. U kunt altijd stoppen en later verdergaan.
enrol-intro-begun = U bent al begonnen. Wat u begonnen bent, is er nog.
enrol-intro-go-on = Verdergaan
enrol-intro-choose = Iets anders kiezen

enrol-choose-title = Kies uw tweede stap
enrol-choose-lead = De sterkste staat bovenaan. U kunt er later meer toevoegen.
enrol-choose-none = Uw organisatie laat u hier niets toevoegen. Vraag het aan uw helpdesk.
enrol-choose-app-off = Aanmeldingen met één tik op een telefoon goedkeuren is hier niet ingeschakeld.
enrol-way-passkey = Passkey
enrol-way-passkey-about = Uw vingerafdruk, uw gezicht of de pincode van uw apparaat, of een beveiligingssleutel. Geen valse pagina kan hem misleiden, en u hoeft niets te typen.
enrol-way-totp = Authenticator-app
enrol-way-totp-about = Een app op uw telefoon, zoals Aegis, Google Authenticator of Microsoft Authenticator, toont elke 30 seconden een nieuwe code. Hij werkt zonder netwerk.
enrol-way-hardware-token = Hardwaretoken
enrol-way-hardware-token-about = Een klein apparaat met een scherm dat u van uw organisatie hebt gekregen. U hebt het serienummer op de achterkant nodig.

enrol-taken-title = Iemand was sneller
enrol-taken-what = Terwijl u hier was, heeft iemand die uw wachtwoord kent een tweede stap aan uw account toegevoegd, of u zelf op een andere plek. Wat u hier begonnen was, is weggegooid.
enrol-taken-do = Was u dat, meld u er dan mee aan. Was u het niet, vertel het dan meteen aan uw helpdesk en wijzig uw wachtwoord.

enrol-done-title = Uw account is beschermd
enrol-done-what = Vanaf nu wordt bij het aanmelden om uw tweede stap gevraagd.
enrol-done-second = Telefoons raken kwijt. Voeg nu een tweede manier toe, dan bent u op die dag niet buitengesloten.
enrol-done-add = Een tweede manier toevoegen
enrol-done-later = Later

# De link van een beheerder.
enrol-link-title = U bent uitgenodigd
enrol-link-open = Met deze link kan { $name } een tweede stap aan het account toevoegen.
enrol-link-password = Meld u aan met de gebruikersnaam en het wachtwoord van uw organisatie om te beginnen. De link werkt één keer; openen verbruikt hem niet.
enrol-link-used = Deze link is al gebruikt. Hebt u er een tweede stap mee toegevoegd, meld u dan gewoon aan. Was u dat niet, vertel het dan meteen aan uw helpdesk.
enrol-link-expired = Deze link is te oud. Vraag een nieuwe aan degene die hem stuurde.
enrol-link-unknown = Deze link is niet volledig, of een nieuwere is ervoor in de plaats gekomen. Gebruik de nieuwste link die u hebt, en wel helemaal, of vraag een nieuwe.
