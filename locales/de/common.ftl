# Was jede Seite hat.
common-product = Vestibule
common-skip = Zum Inhalt springen
common-language = Sprache
common-sign-out = Abmelden
common-signed-in-as = Angemeldet als { $name }
common-home = Startseite
common-back = Zurück
common-continue = Weiter
common-cancel = Abbrechen
common-save = Speichern
common-remove = Entfernen
common-menu = Hauptmenü
common-problem = Es gibt ein Problem
common-code-label = Code
common-sign-in-id = Wenn Sie um Hilfe bitten, nennen Sie diese Nummer: { $id }
common-try-again = Erneut versuchen
common-only-javascript = Dafür wird JavaScript gebraucht, das in diesem Browser ausgeschaltet ist.

# Seiten für das, was schiefging.
common-not-found-title = Diese Seite gibt es nicht
common-not-found = Vielleicht ist die Adresse falsch geschrieben, oder die Seite gibt es nicht mehr.
common-stale-title = Diese Seite war zu lange offen
common-stale = Es wurde nichts geändert. Gehen Sie zurück, laden Sie die Seite neu und wiederholen Sie den Schritt.
common-foreign-title = Das kam nicht von unserer eigenen Seite
common-foreign = Zu Ihrer Sicherheit wurde nichts geändert. Öffnen Sie die Seite neu und wiederholen Sie den Schritt.
common-too-large-title = Das ist zu viel auf einmal
common-too-large = Die Seite hat mehr geschickt, als wir annehmen. Es wurde nichts geändert.
common-busy-title = Wir können gerade nicht antworten
common-busy = Ein Teil, den wir brauchen, antwortet nicht. Es wurde nichts geändert, und nichts zählt gegen Sie. Bitte versuchen Sie es in einer Minute erneut.
common-host-title = Das ist nicht die richtige Adresse
common-host = Bitte nutzen Sie die Adresse, die Ihre Organisation Ihnen gegeben hat: { $url }
common-forbidden-title = Das ist ausgeschaltet
common-forbidden = Ihre Organisation bietet das hier nicht an.
