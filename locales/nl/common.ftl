# Wat op elke pagina staat.
common-product = Vestibule
common-skip = Naar de inhoud
common-language = Taal
common-sign-out = Afmelden
common-signed-in-as = Aangemeld als { $name }
common-home = Start
common-back = Terug
common-continue = Verder
common-cancel = Annuleren
common-save = Opslaan
common-remove = Verwijderen
common-menu = Hoofdmenu
common-problem = Er is een probleem
common-code-label = Code
common-sign-in-id = Noem dit nummer als u om hulp vraagt: { $id }
common-try-again = Opnieuw proberen
common-only-javascript = Hiervoor is JavaScript nodig, en dat staat in deze browser uit.

# Pagina's voor wat misging.
common-not-found-title = Deze pagina bestaat niet
common-not-found = Misschien is het adres verkeerd getypt, of de pagina bestaat niet meer.
common-stale-title = Deze pagina stond te lang open
common-stale = Er is niets gewijzigd. Ga terug, laad de pagina opnieuw en herhaal de stap.
common-foreign-title = Dit kwam niet van onze eigen pagina
common-foreign = Voor uw veiligheid is er niets gewijzigd. Open de pagina opnieuw en herhaal de stap.
common-too-large-title = Dat is te veel in één keer
common-too-large = De pagina stuurde meer dan wij aannemen. Er is niets gewijzigd.
common-busy-title = We kunnen nu geen antwoord geven
common-busy = Een onderdeel dat we nodig hebben, antwoordt niet. Er is niets gewijzigd en niets telt tegen u. Probeer het over een minuut opnieuw.
common-host-title = Dit is niet het juiste adres
common-host = Gebruik het adres dat uw organisatie u heeft gegeven: { $url }
common-forbidden-title = Dit staat uit
common-forbidden = Uw organisatie biedt dit hier niet aan.
