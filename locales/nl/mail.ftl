# What every mail has.
mail-greeting = Beste { $name },
mail-greeting-nobody = Beste gebruiker,
mail-when = Wanneer
mail-time = { $day } { $month } { $year }, { $time } uur ({ $offset })
mail-client = Waar
mail-address = Vanaf het adres
mail-by = Door
mail-by-person = U, of iemand die zich als u heeft aangemeld
mail-by-administrator = Een beheerder
mail-by-appliance = Niemand: het gebeurde vanzelf
mail-factor = Manier van aanmelden
mail-until = Tot
mail-not-you = Weet u hier niets van, dan kent iemand misschien uw wachtwoord. Open deze pagina, wijzig daarna uw wachtwoord en bel uw helpdesk:
mail-not-you-action = Dit was ik niet
mail-last = Dit is het laatste bericht van vandaag: daarna kan er meer gebeurd zijn. De pagina toont alles.
mail-link = Doet de knop niets, kopieer dan dit adres naar uw browser:
mail-automatic = Automatisch verzonden door { $host }. Wij vragen nooit per e-mail om een wachtwoord of code.

# Ways to sign in, by the names that the command line has for them.
mail-factor-app = App op een telefoon
mail-factor-totp = Authenticator-app (codes)
mail-factor-hotp = Token dat codes toont
mail-factor-recovery-code = Herstelcode
mail-factor-bypass = Eenmalige toestemming
mail-factor-passkey = Passkey

# Months, as they stand in a date.
mail-month-1 = januari
mail-month-2 = februari
mail-month-3 = maart
mail-month-4 = april
mail-month-5 = mei
mail-month-6 = juni
mail-month-7 = juli
mail-month-8 = augustus
mail-month-9 = september
mail-month-10 = oktober
mail-month-11 = november
mail-month-12 = december

# One subject and one text for each kind of mail.
mail-invited-subject = Stel uw tweede aanmeldstap in
mail-invited-text = Uw organisatie vraagt bij het aanmelden om een tweede stap. Instellen duurt ongeveer twee minuten; houd uw telefoon bij de hand.
mail-invited-action = Nu instellen
mail-invited-advice = De link is alleen voor u en werkt één keer. Stuur dit bericht niet door.
mail-enrolled-subject = Uw tweede aanmeldstap is ingesteld
mail-enrolled-text = Vanaf nu vragen we erom bij het aanmelden.
mail-authenticator-added-subject = Er is een aanmeldmanier aan uw account toegevoegd
mail-authenticator-added-text = Hiermee kan men zich vanaf nu als u aanmelden.
mail-authenticator-removed-subject = Er is een aanmeldmanier van uw account verwijderd
mail-authenticator-removed-text = Hiermee kan men zich niet meer aanmelden.
mail-factors-reset-subject = Alle aanmeldmanieren zijn van uw account verwijderd
mail-factors-reset-text = U moet uw tweede aanmeldstap opnieuw instellen.
mail-recovery-code-used-subject = Een van uw herstelcodes is gebruikt
mail-recovery-code-used-text = { $count ->
    [0] Het was de laatste. Maak snel nieuwe.
    [one] Er is er nog één over. Maak snel nieuwe.
   *[other] Er zijn er nog { $count } over.
    }
mail-recovery-codes-made-subject = U hebt nieuwe herstelcodes
mail-recovery-codes-made-text = Het zijn er { $count }. De oude werken niet meer.
mail-bypass-started-subject = U mag zich één keer zonder tweede stap aanmelden
mail-bypass-started-text = Uw wachtwoord is genoeg, één keer, tot het tijdstip hieronder.
mail-sign-in-reported-subject = Uw account is geblokkeerd
mail-sign-in-reported-text = Een aanmelding is gemeld als niet van u; niemand kan zich nu als u aanmelden. Uw helpdesk opent het account weer.
mail-password-changed-subject = Uw wachtwoord is gewijzigd
mail-password-changed-text = Het oude werkt niet meer.
mail-locked-out-subject = Te veel verkeerde codes: uw account is vergrendeld
mail-locked-out-text = Het gaat vanzelf open op het tijdstip hieronder.
mail-locked-out-for-good = Dat blijft zo tot uw helpdesk het opent.
mail-test-subject = Een test
mail-test-text = Als u dit kunt lezen, werkt de e-mail.
