# What every mail has.
mail-greeting = Guten Tag { $name },
mail-greeting-nobody = Guten Tag,
mail-when = Wann
mail-time = { $day }. { $month } { $year }, { $time } Uhr ({ $offset })
mail-client = Wo
mail-address = Von der Adresse
mail-by = Durch
mail-by-person = Sie, oder jemand, der sich als Sie angemeldet hat
mail-by-administrator = Die Administration
mail-by-appliance = Niemand: es geschah von selbst
mail-factor = Art der Anmeldung
mail-until = Bis
mail-not-you = Wenn Sie davon nichts wissen, kennt vielleicht jemand Ihr Passwort. Öffnen Sie diese Seite, ändern Sie dann Ihr Passwort und rufen Sie Ihren Helpdesk an:
mail-not-you-action = Das war ich nicht
mail-last = Dies ist die letzte Nachricht für heute: Danach kann noch mehr geschehen sein. Die Seite zeigt alles.
mail-link = Wenn der Knopf nichts tut, kopieren Sie diese Adresse in Ihren Browser:
mail-automatic = Automatisch gesendet von { $host }. Wir fragen nie per E-Mail nach einem Passwort oder einem Code.

# Ways to sign in, by the names that the command line has for them.
mail-factor-app = App auf einem Telefon
mail-factor-totp = Authenticator-App (Codes)
mail-factor-hotp = Token, das Codes anzeigt
mail-factor-recovery-code = Wiederherstellungscode
mail-factor-bypass = Einmalige Erlaubnis
mail-factor-passkey = Passkey

# Months, as they stand in a date.
mail-month-1 = Januar
mail-month-2 = Februar
mail-month-3 = März
mail-month-4 = April
mail-month-5 = Mai
mail-month-6 = Juni
mail-month-7 = Juli
mail-month-8 = August
mail-month-9 = September
mail-month-10 = Oktober
mail-month-11 = November
mail-month-12 = Dezember

# One subject and one text for each kind of mail.
mail-invited-subject = Richten Sie Ihren zweiten Anmeldeschritt ein
mail-invited-text = Ihre Organisation verlangt bei der Anmeldung einen zweiten Schritt. Das Einrichten dauert etwa zwei Minuten; halten Sie Ihr Telefon bereit.
mail-invited-action = Jetzt einrichten
mail-invited-advice = Der Link ist nur für Sie und gilt einmal. Leiten Sie diese Nachricht nicht weiter.
mail-enrolled-subject = Ihr zweiter Anmeldeschritt ist eingerichtet
mail-enrolled-text = Von nun an fragen wir bei der Anmeldung danach.
mail-authenticator-added-subject = Ihrem Konto wurde eine Anmeldemöglichkeit hinzugefügt
mail-authenticator-added-text = Damit kann man sich ab jetzt als Sie anmelden.
mail-authenticator-removed-subject = Von Ihrem Konto wurde eine Anmeldemöglichkeit entfernt
mail-authenticator-removed-text = Damit kann man sich nicht mehr anmelden.
mail-factors-reset-subject = Von Ihrem Konto wurden alle Anmeldemöglichkeiten entfernt
mail-factors-reset-text = Sie müssen Ihren zweiten Anmeldeschritt neu einrichten.
mail-recovery-code-used-subject = Einer Ihrer Wiederherstellungscodes wurde benutzt
mail-recovery-code-used-text = { $count ->
    [0] Es war der letzte. Erstellen Sie bald neue.
    [one] Einer ist noch übrig. Erstellen Sie bald neue.
   *[other] { $count } sind noch übrig.
    }
mail-recovery-codes-made-subject = Sie haben neue Wiederherstellungscodes
mail-recovery-codes-made-text = Es sind { $count }. Die alten gelten nicht mehr.
mail-bypass-started-subject = Sie dürfen sich einmal ohne zweiten Schritt anmelden
mail-bypass-started-text = Ihr Passwort genügt, einmal, bis zur unten genannten Zeit.
mail-sign-in-reported-subject = Ihr Konto ist gesperrt
mail-sign-in-reported-text = Eine Anmeldung wurde als nicht von Ihnen gemeldet; niemand kann sich jetzt als Sie anmelden. Ihr Helpdesk öffnet das Konto wieder.
mail-password-changed-subject = Ihr Passwort wurde geändert
mail-password-changed-text = Das alte gilt nicht mehr.
mail-locked-out-subject = Zu viele falsche Codes: Ihr Konto ist gesperrt
mail-locked-out-text = Es öffnet sich von selbst zur unten genannten Zeit.
mail-locked-out-for-good = Es bleibt so, bis Ihr Helpdesk es öffnet.
mail-test-subject = Ein Test
mail-test-text = Wenn Sie das lesen können, funktioniert die E-Mail.
