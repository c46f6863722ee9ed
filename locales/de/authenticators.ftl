# Womit man sich anmeldet.
authenticators-title = Meine Authentifikatoren
authenticators-lead = Damit zeigen Sie, neben Ihrem Passwort, dass Sie es sind.
authenticators-none = Sie haben keinen. Fügen Sie einen hinzu, damit sich niemand mit Ihrem Passwort allein anmelden kann.
authenticators-add-title = Authentifikator hinzufügen
authenticators-add-lead = Was möchten Sie hinzufügen? Das Stärkste steht oben.
authenticators-manage = Ändern, prüfen oder entfernen
authenticators-never = Nie
authenticators-fact-kind = Art
authenticators-fact-added = Hinzugefügt
authenticators-fact-used = Zuletzt benutzt
authenticators-kind-app = Telefon
authenticators-kind-passkey = Passkey
authenticators-kind-totp = Codes nach der Uhr
authenticators-kind-hotp = Codes auf Knopfdruck
authenticators-kind-serial = { $kind }, Seriennummer { $serial }
authenticators-preferred = Zuerst gefragt
authenticators-preferred-lead = Wonach sollen wir Sie beim Anmelden zuerst fragen?
authenticators-copy = Kopieren
authenticators-copied = Kopiert
authenticators-print = Drucken

# Namen.
authenticators-label = Name
authenticators-label-hint = Damit Sie ihn wiedererkennen, etwa „mein Telefon“. Sie können das Feld leer lassen.
authenticators-label-empty = Geben Sie ihm einen Namen.
authenticators-label-long = Der Name ist zu lang: Er darf 60 Zeichen haben.
authenticators-label-hidden = Der Name enthält Zeichen, die man nicht sieht. Bitte geben Sie ihn neu ein.

# Eine Authenticator-App.
authenticators-totp-title = Authenticator-App
authenticators-totp-lead = Sie brauchen eine Authenticator-App auf Ihrem Telefon. Haben Sie keine, so installieren Sie zuerst eine.
authenticators-totp-label-usual = Authenticator-App
authenticators-totp-open = Öffnen Sie Ihre Authenticator-App und fügen Sie dort ein Konto hinzu.
authenticators-totp-scan = Scannen Sie damit dieses Bild:
authenticators-totp-picture = QR-Code für Ihre Authenticator-App
authenticators-totp-here = In der App auf diesem Gerät öffnen
authenticators-totp-type = Oder geben Sie diesen Schlüssel in die App ein:
authenticators-totp-account = Die App wird das Konto { $account } nennen.
authenticators-totp-code = Der Code, den die App jetzt zeigt
authenticators-totp-code-hint = Sechs Ziffern. Leerzeichen sind egal.
authenticators-totp-prove = Prüfen und hinzufügen
authenticators-totp-wrong = Diesen Code sollte die App nicht zeigen. Prüfen Sie, ob die Uhr Ihres Telefons richtig geht, warten Sie auf den nächsten Code und geben Sie diesen ein.
authenticators-totp-called = Name: { $label }. Er zählt erst, wenn ein Code richtig war; bis dahin hat sich nichts geändert.
authenticators-totp-discard = Verwerfen und neu beginnen

# Ein Hardware-Token.
authenticators-token-title = Hardware-Token
authenticators-token-lead = Zeigen Sie, dass Sie das Token in der Hand haben: mit seiner Seriennummer und zwei Codes nacheinander.
authenticators-token-serial = Seriennummer
authenticators-token-serial-hint = Sie steht auf der Rückseite des Tokens.
authenticators-token-label-usual = Hardware-Token
authenticators-token-claim = Prüfen und hinzufügen
authenticators-token-malformed = Ein Code hat sechs bis acht Ziffern. Geben Sie beide Codes so ein, wie das Token sie zeigt.
authenticators-token-no-match = Kein freies Token mit dieser Seriennummer zeigt diese beiden Codes nacheinander. Prüfen Sie die Nummer und geben Sie zwei Codes ein, die aufeinander folgen.
authenticators-first-code = Erster Code
authenticators-second-code = Der Code danach
authenticators-second-code-hint = Warten Sie, bis das Token einen anderen Code zeigt, oder drücken Sie seinen Knopf noch einmal.

# Was an Codes falsch sein kann.
authenticators-code-length = Der Code hat { $count } Ziffern.
authenticators-code-digits = Ein Code besteht nur aus Ziffern.
authenticators-code-wrong = Dieser Code stimmt nicht.
authenticators-code-used = Dieser Code war richtig und wurde schon benutzt. Warten Sie auf den nächsten.
authenticators-code-drifted = Dieser Code stimmt jetzt nicht, aber er stimmte ein paar Minuten früher oder später: Die Uhr geht falsch. Finden Sie ihn unten mit zwei Codes wieder.
authenticators-wait = { $count ->
    [one] Es gab zu viele falsche Codes. In einer Minute können Sie es wieder versuchen.
   *[other] Es gab zu viele falsche Codes. In { $count } Minuten können Sie es wieder versuchen.
}
authenticators-too-many-pending = Sie haben dreimal angefangen und nichts beendet. Verwerfen Sie zuerst etwas davon.

# Einer davon.
authenticators-one-title = Authentifikator
authenticators-rename = Umbenennen
authenticators-test = Ausprobieren
authenticators-test-lead = Geben Sie einen Code ein, den er jetzt zeigt. Sie erfahren, ob er stimmt; Sie werden damit nicht angemeldet, und der Code ist dann verbraucht.
authenticators-test-button = Ausprobieren
authenticators-resync = Wiederfinden
authenticators-resync-lead = Werden seine Codes immer abgelehnt, so ist er davongelaufen. Zwei Codes nacheinander zeigen, wo er steht.
authenticators-resync-button = Wiederfinden
authenticators-remove-title = Entfernen
authenticators-remove-ask = Möchten Sie { $label } entfernen? Dann können Sie sich damit nicht mehr anmelden.
authenticators-remove-last = Es ist der letzte, den Sie haben. Ohne ihn kommen Sie nicht mehr hinein, wo ein zweiter Schritt nötig ist; dann helfen nur ein Wiederherstellungscode oder Ihr Helpdesk.
authenticators-remove-last-yes = Ich habe verstanden. Trotzdem entfernen.
authenticators-remove-tick = Es ist der letzte, den Sie haben. Setzen Sie das Häkchen, wenn Sie ihn trotzdem entfernen möchten.

# Ein Telefon mit der App.
authenticators-app-title = Telefon mit der App
authenticators-app-lead = Sie bekommen einen Code, der ein Telefon mit Ihrem Konto verbindet. Er gilt einmal, zehn Minuten lang.
authenticators-app-make = Code erzeugen
authenticators-app-scan = Scannen Sie dieses Bild mit Ihrem Telefon:
authenticators-app-picture = QR-Code, der Ihr Telefon verbindet
authenticators-app-here = Auf diesem Gerät öffnen
authenticators-app-type = Oder geben Sie diesen Code in die App ein:
authenticators-app-until = Der Code gilt bis { $until } UTC. Er wird nur jetzt gezeigt.
authenticators-app-look = Hat es geklappt?
authenticators-app-cancel = Code zurückziehen
authenticators-app-waiting = Der Code wartet auf Ihr Telefon.
authenticators-app-used = Ihr Telefon ist verbunden.
authenticators-app-expired = Der Code wurde nicht rechtzeitig benutzt. Erzeugen Sie einen neuen.
authenticators-app-cancelled = Der Code wurde zurückgezogen.
authenticators-app-too-many = Sie haben schon { $count } Telefone, mehr dürfen es nicht sein. Entfernen Sie zuerst eines.

# Wiederherstellungscodes.
authenticators-codes-title = Wiederherstellungscodes
authenticators-codes-why = Wiederherstellungscodes lassen Sie hinein, wenn Ihr Telefon verloren ist. Jeder der zehn Codes gilt einmal. Bewahren Sie sie getrennt vom Telefon auf, auf Papier oder in einem Passwortmanager.
authenticators-codes-left = { $count ->
    [0] Sie haben keinen Wiederherstellungscode mehr.
    [one] Sie haben noch einen Wiederherstellungscode.
   *[other] Sie haben noch { $count } Wiederherstellungscodes.
}
authenticators-codes-low = Erzeugen Sie neue Wiederherstellungscodes, solange Sie sich noch anmelden können.
authenticators-codes-link = Meine Wiederherstellungscodes
authenticators-codes-used = Benutzt
authenticators-codes-void = Neue Codes machen die alten sofort ungültig.
authenticators-codes-make = Neue Codes zeigen
authenticators-codes-skip = Ohne weitermachen
authenticators-codes-once = Diese Codes werden nur jetzt gezeigt. Bewahren Sie sie auf, bevor Sie weitermachen.
authenticators-codes-how = Zum Benutzen geben Sie einen dort ein, wo nach einem Code gefragt wird.
authenticators-codes-download = Herunterladen
authenticators-codes-kept = Ich habe sie aufbewahrt
authenticators-codes-file = Wiederherstellungscodes. Jeder gilt einmal. Bewahren Sie diese Datei so auf, dass niemand sonst sie lesen kann.

# Was gerade geschehen ist.
authenticators-done-added = Er ist hinzugefügt.
authenticators-done-renamed = Er hat seinen neuen Namen.
authenticators-done-removed = Er ist entfernt.
authenticators-done-preferred = Danach werden Sie ab jetzt zuerst gefragt.
authenticators-done-right = Der Code stimmte.
authenticators-done-found = Er ist wiedergefunden; seine Codes stimmen ab jetzt.
authenticators-done-gone = Was Sie begonnen hatten, blieb zu lange liegen. Bitte beginnen Sie neu.
