# Avec quoi on se connecte.
authenticators-title = Mes authentificateurs
authenticators-lead = Avec eux vous montrez, en plus de votre mot de passe, que c'est bien vous.
authenticators-none = Vous n'en avez aucun. Ajoutez-en un pour que personne ne puisse se connecter avec votre seul mot de passe.
authenticators-add-title = Ajouter un authentificateur
authenticators-add-lead = Que voulez-vous ajouter ? Le plus sûr vient en premier.
authenticators-manage = Modifier, tester ou retirer
authenticators-never = Jamais
authenticators-fact-kind = Type
authenticators-fact-added = Ajouté
authenticators-fact-used = Dernière utilisation
authenticators-kind-app = Téléphone
authenticators-kind-passkey = Clé d'accès
authenticators-kind-totp = Codes selon l'heure
authenticators-kind-hotp = Codes par bouton
authenticators-kind-serial = { $kind }, numéro de série { $serial }
authenticators-preferred = Demandé en premier
authenticators-preferred-lead = Que devons-nous vous demander en premier à la connexion ?
authenticators-copy = Copier
authenticators-copied = Copié
authenticators-print = Imprimer

# Noms.
authenticators-label = Nom
authenticators-label-hint = Pour le reconnaître, par exemple « mon téléphone ». Vous pouvez le laisser vide.
authenticators-label-empty = Donnez-lui un nom.
authenticators-label-long = Le nom est trop long : il peut avoir 60 caractères.
authenticators-label-hidden = Le nom contient des caractères invisibles. Saisissez-le de nouveau.

# Une application d'authentification.
authenticators-totp-title = Application d'authentification
authenticators-totp-lead = Il vous faut une application d'authentification sur votre téléphone. Si vous n'en avez pas, installez-en d'abord une.
authenticators-totp-label-usual = Application d'authentification
authenticators-totp-open = Ouvrez votre application d'authentification et choisissez d'ajouter un compte.
authenticators-totp-scan = Scannez cette image avec elle :
authenticators-totp-picture = Code QR pour votre application d'authentification
authenticators-totp-here = L'ouvrir dans l'application de cet appareil
authenticators-totp-type = Ou saisissez cette clé dans l'application :
authenticators-totp-account = L'application appellera le compte { $account }.
authenticators-totp-code = Le code que l'application affiche maintenant
authenticators-totp-code-hint = Six chiffres. Les espaces ne comptent pas.
authenticators-totp-prove = Vérifier et ajouter
authenticators-totp-wrong = Ce n'est pas le code que l'application devrait afficher. Vérifiez que l'horloge de votre téléphone est juste, attendez le code suivant et saisissez-le.
authenticators-totp-called = Nom : { $label }. Il ne compte qu'après un code juste ; jusque-là, rien n'a changé.
authenticators-totp-discard = Abandonner et recommencer

# Un jeton matériel.
authenticators-token-title = Jeton matériel
authenticators-token-lead = Montrez que le jeton est entre vos mains : donnez son numéro de série et deux codes, l'un après l'autre.
authenticators-token-serial = Numéro de série
authenticators-token-serial-hint = Il est imprimé au dos du jeton.
authenticators-token-label-usual = Jeton matériel
authenticators-token-claim = Vérifier et ajouter
authenticators-token-malformed = Un code a six à huit chiffres. Saisissez les deux codes comme le jeton les affiche.
authenticators-token-no-match = Aucun jeton libre de ce numéro de série n'affiche ces deux codes l'un après l'autre. Vérifiez le numéro et donnez deux codes qui se suivent.
authenticators-first-code = Premier code
authenticators-second-code = Le code suivant
authenticators-second-code-hint = Attendez que le jeton affiche un autre code, ou appuyez encore sur son bouton.

# Ce qui peut être faux dans un code.
authenticators-code-length = Le code a { $count } chiffres.
authenticators-code-digits = Un code ne contient que des chiffres.
authenticators-code-wrong = Ce code n'est pas juste.
authenticators-code-used = Ce code était juste et a déjà servi. Attendez le suivant.
authenticators-code-drifted = Ce code n'est pas juste maintenant, mais il le serait quelques minutes plus tôt ou plus tard : l'horloge a dérivé. Retrouvez-le ci-dessous avec deux codes.
authenticators-wait = { $count ->
    [one] Il y a eu trop de codes faux. Vous pourrez réessayer dans une minute.
   *[other] Il y a eu trop de codes faux. Vous pourrez réessayer dans { $count } minutes.
}
authenticators-too-many-pending = Vous avez commencé trois fois sans finir. Abandonnez d'abord l'un d'eux.

# L'un d'eux.
authenticators-one-title = Authentificateur
authenticators-rename = Renommer
authenticators-test = Tester
authenticators-test-lead = Saisissez un code qu'il affiche maintenant. Vous saurez s'il est juste ; il ne vous connecte pas, et le code est ensuite épuisé.
authenticators-test-button = Tester
authenticators-resync = Le retrouver
authenticators-resync-lead = Si ses codes sont toujours refusés, il a dérivé. Deux codes, l'un après l'autre, montrent où il en est.
authenticators-resync-button = Le retrouver
authenticators-remove-title = Retirer
authenticators-remove-ask = Voulez-vous retirer { $label } ? Vous ne pourrez plus vous connecter avec lui.
authenticators-remove-last = C'est le dernier que vous ayez. Sans lui, vous n'entrez plus là où il faut une deuxième étape ; seul un code de secours ou votre service d'assistance vous aidera alors.
authenticators-remove-last-yes = J'ai compris. Le retirer quand même.
authenticators-remove-tick = C'est le dernier que vous ayez. Cochez la case si vous voulez quand même le retirer.

# Un téléphone avec l'application.
authenticators-app-title = Téléphone avec l'application
authenticators-app-lead = Vous recevez un code qui relie un téléphone à votre compte. Il sert une fois, pendant dix minutes.
authenticators-app-make = Créer un code
authenticators-app-scan = Scannez cette image avec votre téléphone :
authenticators-app-picture = Code QR qui relie votre téléphone
authenticators-app-here = L'ouvrir sur cet appareil
authenticators-app-type = Ou saisissez ce code dans l'application :
authenticators-app-until = Le code sert jusqu'au { $until } UTC. Il n'est affiché que maintenant.
authenticators-app-look = Cela a-t-il marché ?
authenticators-app-cancel = Retirer le code
authenticators-app-waiting = Le code attend votre téléphone.
authenticators-app-used = Votre téléphone est relié.
authenticators-app-expired = Le code n'a pas servi à temps. Créez-en un autre.
authenticators-app-cancelled = Le code a été retiré.
authenticators-app-too-many = Vous avez déjà { $count } téléphones, c'est le maximum. Retirez-en d'abord un.

# Codes de secours.
authenticators-codes-title = Codes de secours
authenticators-codes-why = Les codes de secours vous laissent entrer le jour où votre téléphone est perdu. Chacun des dix codes sert une fois. Gardez-les à part de votre téléphone, sur papier ou dans un gestionnaire de mots de passe.
authenticators-codes-left = { $count ->
    [0] Il ne vous reste aucun code de secours.
    [one] Il vous reste un code de secours.
   *[other] Il vous reste { $count } codes de secours.
}
authenticators-codes-low = Créez de nouveaux codes de secours tant que vous pouvez encore vous connecter.
authenticators-codes-link = Mes codes de secours
authenticators-codes-used = Utilisés
authenticators-codes-void = De nouveaux codes annulent aussitôt les anciens.
authenticators-codes-make = Afficher de nouveaux codes
authenticators-codes-skip = Continuer sans
authenticators-codes-once = Ces codes ne sont affichés que maintenant. Conservez-les avant de continuer.
authenticators-codes-how = Pour en utiliser un, saisissez-le là où un code est demandé.
authenticators-codes-download = Télécharger
authenticators-codes-kept = Je les ai conservés
authenticators-codes-file = Codes de secours. Chacun sert une fois. Gardez ce fichier là où personne d'autre ne peut le lire.

# Ce qui vient d'être fait.
authenticators-done-added = Il est ajouté.
authenticators-done-renamed = Il a son nouveau nom.
authenticators-done-removed = Il est retiré.
authenticators-done-preferred = Il vous sera demandé en premier désormais.
authenticators-done-right = Le code était juste.
authenticators-done-found = Il est retrouvé ; ses codes sont justes désormais.
authenticators-done-gone = Ce que vous aviez commencé est resté trop longtemps en attente. Recommencez.
