# Der Assistent für die erste Einrichtung.
enrol-steps = Schritte
enrol-step-begin = Beginnen
enrol-step-choose = Auswählen
enrol-step-add = Einrichten und ausprobieren
enrol-step-codes = Wiederherstellungscodes

enrol-intro-title = Schützen Sie Ihr Konto
enrol-intro-why = Ein Passwort kann erraten oder gestohlen werden. Mit einem zweiten Schritt, den nur Sie haben, kann sich niemand sonst als Sie anmelden.
enrol-intro-how = Es dauert etwa zwei Minuten. Sie wählen aus, was zu Ihnen passt, richten es ein und probieren es einmal aus. Sie können jederzeit aufhören und später weitermachen.
enrol-intro-begun = Sie haben schon angefangen. Was Sie begonnen haben, ist noch da.
enrol-intro-go-on = Weitermachen
enrol-intro-choose = Etwas anderes auswählen

enrol-choose-title = Wählen Sie Ihren zweiten Schritt
enrol-choose-lead = Das Stärkste steht oben. Weitere können Sie später hinzufügen.
enrol-choose-none = Ihre Organisation lässt Sie hier nichts hinzufügen. Bitte fragen Sie Ihren Helpdesk.
enrol-choose-app-off = Das Bestätigen von Anmeldungen mit einem Tippen am Telefon ist hier nicht eingeschaltet.
enrol-way-passkey = Passkey
enrol-way-passkey-about = Ihr Fingerabdruck, Ihr Gesicht oder die PIN Ihres Geräts, oder ein Sicherheitsschlüssel. Keine falsche Seite kann ihn überlisten, und es gibt nichts einzutippen.
enrol-way-totp = Authenticator-App
enrol-way-totp-about = Eine App auf Ihrem Telefon, etwa Aegis, Google Authenticator oder Microsoft Authenticator, zeigt alle 30 Sekunden einen neuen Code. Sie funktioniert ohne Netz.
enrol-way-hardware-token = Hardware-Token
enrol-way-hardware-token-about = Ein kleines Gerät mit Anzeige, das Sie von Ihrer Organisation bekommen haben. Sie brauchen die Seriennummer auf der Rückseite.

enrol-taken-title = Jemand war schneller
enrol-taken-what = Während Sie hier waren, hat jemand, der Ihr Passwort kennt, Ihrem Konto einen zweiten Schritt hinzugefügt, oder Sie selbst an anderer Stelle. Was Sie hier begonnen hatten, wurde verworfen.
enrol-taken-do = Waren Sie das, so melden Sie sich damit an. Waren Sie es nicht, so sagen Sie sofort Ihrem Helpdesk Bescheid und ändern Sie Ihr Passwort.

enrol-done-title = Ihr Konto ist geschützt
enrol-done-what = Von jetzt an werden Sie beim Anmelden nach Ihrem zweiten Schritt gefragt.
enrol-done-second = Telefone gehen verloren. Fügen Sie jetzt einen zweiten Weg hinzu, dann sind Sie an diesem Tag nicht ausgesperrt.
enrol-done-add = Zweiten Weg hinzufügen
enrol-done-later = Später

# Der Link eines Administrators.
enrol-link-title = Sie sind eingeladen
enrol-link-open = Mit diesem Link kann { $name } dem Konto einen zweiten Schritt hinzufügen.
enrol-link-password = Melden Sie sich mit Benutzernamen und Passwort Ihrer Organisation an, um zu beginnen. Der Link gilt einmal; das Öffnen verbraucht ihn nicht.
enrol-link-used = Dieser Link wurde schon benutzt. Haben Sie damit einen zweiten Schritt eingerichtet, so melden Sie sich einfach an. Waren Sie es nicht, so sagen Sie sofort Ihrem Helpdesk Bescheid.
enrol-link-expired = Dieser Link ist zu alt. Bitten Sie um einen neuen, wo Sie ihn herhaben.
enrol-link-unknown = Dieser Link ist nicht vollständig, oder ein neuerer ist an seine Stelle getreten. Nehmen Sie den neuesten, den Sie haben, und zwar den ganzen, oder bitten Sie um einen neuen.
