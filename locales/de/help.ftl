# Die Übersicht.
help-security-title = Sicherheit
help-security-lead = Sehen Sie, was mit Ihrem Konto geschah, und seien Sie bereit für den Tag, an dem Ihr Telefon fehlt.
help-history-title = Was geschah
help-history-about = Anmeldungen, Anfragen an Ihr Telefon und Änderungen
help-sessions-title = Wo Sie angemeldet sind
help-sessions-about = Browser, die an diesem Portal angemeldet sind
help-bypass-title = Einmalige Ausnahme
help-bypass-about = Lassen Sie sich einmal ohne zweiten Faktor ein
help-language-title = Sprache
help-language-about = Die Sprache dieser Seiten und unserer E-Mails
help-phones-title = Telefonnummern
help-phones-about = Die Nummern, die Ihre Organisation von Ihnen hat
help-questions-title = Sicherheitsfragen
help-questions-about = Für den Tag, an dem Sie nichts anderes zum Anmelden haben
help-new-phone-title = Auf ein neues Telefon umziehen
help-new-phone-about = Schritt für Schritt, solange Sie das alte noch haben

# Der Verlauf.
help-history-lead = Das Neueste steht oben. Zeiten sind in UTC. Wenn Sie etwas nicht waren, sagen Sie es.
help-history-empty = Noch ist nichts aufgezeichnet.
help-history-older = Ältere
help-history-newest = Zurück zu den neuesten
help-history-pages = Seiten des Verlaufs
help-column-time = Zeit
help-column-what = Was
help-column-to = Wohin
help-column-from = Von
help-column-do = Nicht Sie?
help-was-not-me = Das war ich nicht
help-client-portal = Dieses Portal
help-place-same = Dieselbe Adresse wie jetzt ({ $address })
help-place-trusted = Ein vertrauenswürdiges Netz ({ $address })
help-place-unknown = Nicht bekannt
help-by-administrator = durch einen Administrator

# Was geschehen kann.
help-what-granted = Angemeldet
help-what-denied = Anmeldung abgelehnt
help-what-prompt-sent = Auf Ihrem Telefon gefragt
help-what-prompt-answered = Auf Ihrem Telefon beantwortet
help-what-locked-out = Gesperrt nach zu vielen Fehlversuchen
help-what-enrolled = Eine Anmeldemöglichkeit kam hinzu
help-what-enrolment = Eingelassen, um eine erste Anmeldemöglichkeit einzurichten
help-what-enrolment-begun = Eine Anmeldemöglichkeit wurde begonnen
help-what-authenticator-renamed = Eine Anmeldemöglichkeit wurde umbenannt
help-what-authenticator-removed = Eine Anmeldemöglichkeit wurde entfernt
help-what-authenticator-tested = Eine Anmeldemöglichkeit wurde ausprobiert
help-what-codes-throttled = Zu viele falsche Codes
help-what-activation-made = Ein Code für ein neues Telefon wurde erzeugt
help-what-activation-cancelled = Ein Code für ein neues Telefon wurde zurückgenommen
help-what-activation-used = Ein neues Telefon wurde verbunden
help-what-activation-reused = Ein Code für ein neues Telefon wurde ein zweites Mal benutzt
help-what-enrolment-link-made = Ein Link zum Einrichten wurde verschickt
help-what-enrolment-link-used = Ein Link zum Einrichten eines Anmeldewegs wurde benutzt
help-what-factor-preferred = Es wurde gewählt, wonach zuerst gefragt wird
help-what-token-claimed = Ein Hardware-Token wurde in Gebrauch genommen
help-what-user-removed = Das Konto wurde entfernt
help-what-recovery-codes-made = Neue Wiederherstellungscodes wurden erzeugt
help-what-resynchronised = Ein Token wurde wieder gestellt
help-what-bypass-granted = Eine einmalige Ausnahme begann
help-what-bypass-ended = Eine einmalige Ausnahme wurde zurückgenommen
help-what-fraud-reported = „Das war ich nicht“ wurde gemeldet
help-what-security-questions-set = Sicherheitsfragen wurden eingerichtet
help-what-security-questions-removed = Sicherheitsfragen wurden entfernt
help-what-security-questions-answered = Sicherheitsfragen wurden beantwortet
help-what-language-chosen = Die Sprache wurde gewählt
help-what-sessions-ended = Browser wurden abgemeldet
help-what-password-changed = Das Passwort wurde geändert
help-what-user-imported = Das Konto wurde aufgenommen
help-what-phone-set = Eine Telefonnummer wurde eingetragen
help-what-user-enabled = Das Konto wurde freigegeben
help-what-user-disabled = Das Konto wurde deaktiviert
help-what-user-blocked = Das Konto wurde gesperrt
help-what-user-unlocked = Das Konto wurde wieder geöffnet
help-what-user-reset = Alle Anmeldemöglichkeiten wurden entfernt
help-what-other = Etwas anderes: { $event }

# Worauf ein Ergebnis beruht.
help-reason-app = am Telefon bestätigt
help-reason-passkey = Passkey
help-reason-totp = Code aus einer App
help-reason-hotp = Code aus einem Token
help-reason-recovery-code = Wiederherstellungscode
help-reason-bypass = einmalige Ausnahme
help-reason-grace = gleich noch einmal
help-reason-service-account = Dienstkonto
help-reason-trusted-network = aus einem vertrauenswürdigen Netz
help-reason-not-enrolled = ohne zweiten Faktor
help-reason-first-enrolment = allein durch das Passwort
help-reason-wrong-passkey = der Passkey passte nicht
help-reason-copied-passkey = der Passkey ist vielleicht kopiert worden
help-reason-wrong-password = falsches Passwort
help-reason-password-expired = das Passwort ist abgelaufen
help-reason-not-one-entry = der Name war nicht eindeutig
help-reason-unknown-user = unbekanntes Konto
help-reason-no-factor = kein zweiter Faktor, der dort gilt
help-reason-must-enrol = zuerst muss ein zweiter Faktor eingerichtet werden
help-reason-disabled = das Konto war deaktiviert
help-reason-disabled-in-directory = das Konto war im Verzeichnis deaktiviert
help-reason-expired-in-directory = das Konto ist im Verzeichnis abgelaufen
help-reason-blocked = das Konto war gesperrt
help-reason-locked-out = vorübergehend gesperrt
help-reason-missing-code = kein Code angegeben
help-reason-wrong-code = falscher Code
help-reason-reused-code = ein schon benutzter Code
help-reason-factor-not-allowed = dieser Weg gilt dort nicht
help-reason-dialog-over = die Antwort kam zu spät
help-reason-prompt-refused = am Telefon abgelehnt
help-reason-prompt-expired = am Telefon nicht beantwortet
help-reason-prompt-cancelled = die Anfrage wurde zurückgezogen
help-reason-too-many-prompts = zu viele Anfragen an das Telefon
help-reason-already-asking = eine andere Anfrage wartete
help-reason-throttled = zu viele Versuche
help-reason-approved = bestätigt
help-reason-refused = abgelehnt
help-reason-fraud-reported = „das war ich nicht“
help-reason-right = richtig
help-reason-wrong = falsch
help-reason-over = zu spät

# „Das war ich nicht“.
help-not-me-title = Waren Sie das nicht?
help-not-me-lead = Dann kennt vielleicht jemand Ihr Passwort. Wenn Sie bestätigen, tun wir all das sofort:
help-not-me-refused = Anfragen, die auf Ihrem Telefon warten, werden abgelehnt.
help-not-me-blocked = Ihr Konto wird gesperrt: Niemand meldet sich damit an, auch Sie nicht.
help-not-me-out = Sie werden hier und überall sonst abgemeldet.
help-not-me-told = Die Administratoren erfahren davon.
help-not-me-next = Rufen Sie danach Ihren Helpdesk an und ändern Sie Ihr Passwort. Nur dort kann das Konto wieder geöffnet werden.
help-not-me-confirm = Mein Konto sperren
help-blocked-title = Ihr Konto ist gesperrt
help-blocked-done = Niemand kann sich jetzt damit anmelden. Sie sind überall abgemeldet, und die Administratoren wissen Bescheid.

# Sitzungen.
help-sessions-lead = Wenn Sie eine davon nicht kennen, beenden Sie sie und sehen Sie nach, was geschah.
help-session-this = Dieser Browser
help-session-agent-unknown = Ein Browser, der nicht sagt, was er ist
help-session-begun = Angemeldet
help-session-seen = Zuletzt benutzt
help-session-factor = Zweiter Faktor
help-session-end = Diese beenden
help-session-others = Alle anderen beenden
help-done-session = Dieser Browser ist abgemeldet.
help-done-sessions = Alle anderen Browser sind abgemeldet.

# Die Ausnahme.
help-bypass-lead = Ihre nächste Anmeldung fragt nicht nach einem zweiten Faktor, wenn sie rechtzeitig kommt. Jede Ausnahme wird aufgezeichnet und gemeldet.
help-bypass-lasts = Sie wartet { $minutes } Minuten darauf, benutzt zu werden.
help-bypass-minutes = Für wie viele Minuten (1 bis { $most })
help-bypass-reason = Wozu Sie sie brauchen
help-bypass-start = Ausnahme beginnen
help-bypass-runs = Eine Ausnahme wartet bis { $until } (UTC) darauf, benutzt zu werden.
help-bypass-end = Jetzt beenden
help-bypass-bad-length = Wählen Sie zwischen 1 und { $most } Minuten.
help-bypass-bad-reason = Sagen Sie in wenigen Worten, wozu Sie sie brauchen.
help-bypass-not-proven = Sie kamen mit einem Wiederherstellungscode oder einer Ausnahme herein. Melden Sie sich mit Telefon, Passkey oder Token an, um eine neue zu beginnen.
help-done-bypass = Die Ausnahme hat begonnen.
help-done-bypass-ended = Die Ausnahme ist beendet.

# Sprache.
help-language-do = Wählen Sie die Sprache dieser Seiten
help-language-auto = Wie meine Organisation oder mein Browser es sagt
help-done-language = Die Sprache ist eingestellt.

# Telefonnummern.
help-phones-lead = Ihre Organisation führt diese Nummern. Wir zeigen von jeder nur so viel, dass Sie sie erkennen. Noch wird nichts dorthin gesendet.
help-phones-none = Wir kennen keine Telefonnummer von Ihnen.
help-phones-wrong = Wenn eine Nummer falsch ist, sagen Sie es Ihrem Helpdesk: Geändert wird sie dort, wo Ihre Organisation sie führt.
help-phone-phone = Telefon
help-phone-backup = Ersatztelefon
help-phone-mobile = Mobil
help-phone-business = Arbeit
help-phone-home = Privat
help-phone-for-calls = für Anrufe und Nachrichten, sobald Ihre Organisation sie anbietet
help-phone-for-backup = wenn die erste Nummer nicht antwortet

# Sicherheitsfragen.
help-questions-lead = Wenn Sie alles verlieren, womit Sie sich anmelden, öffnen Ihr Passwort und diese Antworten eine Seite, die weiterhilft. Sonst öffnen sie nichts.
help-questions-do = Wählen Sie { $count } verschiedene Fragen. Großschreibung und zusätzliche Leerzeichen sind egal.
help-questions-have = Ihre Fragen sind eingerichtet. Neue Antworten ersetzen alle alten.
help-question-number = Frage { $number }
help-question-choose = Frage wählen
help-question-answer = Antwort
help-questions-remove = Meine Fragen entfernen
help-questions-count = Wählen Sie { $count } Fragen und beantworten Sie jede.
help-questions-same-question = Wählen Sie jede Frage nur einmal.
help-questions-same-answer = Geben Sie auf jede Frage eine andere Antwort.
help-questions-too-short = Eine Antwort braucht mindestens drei Buchstaben.
help-questions-too-long = Eine Antwort darf höchstens 200 Zeichen haben.
help-questions-letters = Antworten Sie in Buchstaben und Ziffern, ohne Bildzeichen.
help-done-questions = Ihre Fragen sind eingerichtet.
help-done-questions-removed = Ihre Fragen sind entfernt.
help-answer-title = Beantworten Sie Ihre Fragen
help-answer-lead = Es bleiben dieselben Fragen, bis sie beantwortet sind. Falsche Antworten zählen als fehlgeschlagene Anmeldungen.
help-answer-wrong = Mindestens eine Antwort ist nicht richtig. Bitte versuchen Sie es noch einmal.
help-answer-barred = Hier geht es nicht weiter. Bitte wenden Sie sich an Ihren Helpdesk.
help-question-first-teacher = Wie hieß Ihre erste Lehrerin oder Ihr erster Lehrer mit Nachnamen?
help-question-childhood-friend = Wie hieß Ihr bester Freund oder Ihre beste Freundin in der Kindheit mit Vornamen?
help-question-first-pet = Wie hieß Ihr erstes Haustier?
help-question-first-car = Was war Ihr erstes Auto, Marke und Modell?
help-question-first-concert = Wer spielte auf dem ersten Konzert, das Sie besucht haben?
help-question-first-job = In welcher Stadt hatten Sie Ihre erste Arbeitsstelle?
help-question-first-flight = Wohin ging Ihr erster Flug?
help-question-childhood-street = Wie hieß die Straße, in der Sie aufgewachsen sind?
help-question-grandmother = Wie hieß die Mutter Ihrer Mutter mit Vornamen?
help-question-childhood-book = Welches Buch mochten Sie als Kind am liebsten?
help-question-parents-met = In welcher Stadt haben sich Ihre Eltern kennengelernt?
help-question-dream-job = Was wollten Sie als Kind werden?

# Ein verlorenes Gerät.
help-lost-title = Ich habe mein Gerät nicht
help-lost-lead = Vielleicht gibt es einen anderen Weg hinein. Versuchen Sie es der Reihe nach.
help-lost-code-title = Ein Wiederherstellungscode
help-lost-code-do = Haben Sie Wiederherstellungscodes gedruckt oder gespeichert? Melden Sie sich mit Ihrem Passwort an und geben Sie einen dort ein, wo ein Code verlangt wird. Jeder gilt einmal.
help-lost-other-title = Ein anderer Weg
help-lost-other-do = Ein zweites Telefon, ein Passkey oder ein Token, das Sie noch haben: Wählen Sie es nach dem Passwort unter „Ein anderer Weg“.
help-lost-questions-do = Wenn Sie Sicherheitsfragen eingerichtet haben und Ihre Organisation sie zulässt, kommt zuerst Ihr Passwort:
help-lost-desk-title = Ihr Helpdesk
help-lost-desk-do = Rufen Sie dort an. Man wird sich vergewissern wollen, dass Sie es sind. Nennen Sie:
help-lost-desk-name = Ihren Benutzernamen
help-lost-desk-what = was fehlt und seit wann
help-lost-desk-id = die Nummer dieser Anmeldung: { $id }
help-lost-stolen = Wenn es gestohlen wurde, sagen Sie das zuerst: Man kann es sofort sperren.
help-lost-back = Zurück zur Anmeldung

# Die Wiederherstellungsseite.
help-recovery-title = Hilfe bekommen
help-recovery-lead = Sie haben gezeigt, dass Sie Passwort und Antworten kennen. Diese Seite öffnet sonst nichts; das können Sie hier tun.
help-recovery-devices = Womit Sie sich anmelden
help-recovery-lost = Das habe ich verloren
help-recovery-last = Es ist das einzige und kann deshalb hier nicht entfernt werden. Wenn jemand anders es haben könnte, sperren Sie Ihr Konto.
help-done-device = Es ist entfernt und öffnet nichts mehr.
help-recovery-block-do = Niemand meldet sich mit Ihrem Konto an, bis Ihr Helpdesk es wieder öffnet.
help-recovery-enrol = Neue Anmeldemöglichkeit einrichten

# Ein neues Telefon.
help-new-phone-lead = Tun Sie das, solange das alte Telefon noch geht. Wenn nicht, lesen Sie, was bei einem verlorenen Gerät zu tun ist.
help-new-phone-1 = Öffnen Sie „Meine Authenticatoren“ und fügen Sie das neue Telefon hinzu.
help-new-phone-2 = Beweisen Sie es dort einmal: Bestätigen Sie einen Test, oder geben Sie einen Code ein, den es zeigt.
help-new-phone-3 = Melden Sie sich einmal mit dem neuen Telefon an.
help-new-phone-4 = Entfernen Sie erst dann das alte Telefon aus der Liste.
help-new-phone-5 = Löschen Sie das alte Telefon, bevor Sie es weggeben.
help-new-phone-go = Meine Authenticatoren
help-reason-wrong-pin = die PIN war falsch
help-what-pin-set = Ihre PIN wurde gesetzt
help-what-pin-cleared = Ihre PIN wurde entfernt
