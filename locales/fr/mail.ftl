# What every mail has.
mail-greeting = Bonjour { $name },
mail-greeting-nobody = Bonjour,
mail-when = Quand
mail-time = { $day } { $month } { $year } à { $time } ({ $offset })
mail-client = Où
mail-address = Depuis l’adresse
mail-by = Par
mail-by-person = Vous, ou quelqu’un qui s’est connecté à votre place
mail-by-administrator = Un administrateur
mail-by-appliance = Personne : c’est automatique
mail-factor = Moyen de connexion
mail-until = Jusqu’au
mail-not-you = Si vous n’en savez rien, quelqu’un connaît peut-être votre mot de passe. Ouvrez cette page, puis changez votre mot de passe et appelez votre assistance :
mail-not-you-action = Ce n’était pas moi
mail-last = C’est le dernier message d’aujourd’hui : d’autres événements ont pu suivre. La page montre tout.
mail-link = Si le bouton ne fait rien, copiez cette adresse dans votre navigateur :
mail-automatic = Envoyé automatiquement par { $host }. Nous ne demandons jamais de mot de passe ni de code par e-mail.

# Ways to sign in, by the names that the command line has for them.
mail-factor-app = Application sur un téléphone
mail-factor-totp = Application d’authentification (codes)
mail-factor-hotp = Jeton qui affiche des codes
mail-factor-recovery-code = Code de secours
mail-factor-bypass = Autorisation unique
mail-factor-passkey = Clé d’accès

# Months, as they stand in a date.
mail-month-1 = janvier
mail-month-2 = février
mail-month-3 = mars
mail-month-4 = avril
mail-month-5 = mai
mail-month-6 = juin
mail-month-7 = juillet
mail-month-8 = août
mail-month-9 = septembre
mail-month-10 = octobre
mail-month-11 = novembre
mail-month-12 = décembre

# One subject and one text for each kind of mail.
mail-invited-subject = Configurez votre deuxième étape de connexion
mail-invited-text = Votre organisation demande une deuxième étape à la connexion. La configuration prend environ deux minutes ; gardez votre téléphone à portée de main.
mail-invited-action = Configurer
mail-invited-advice = Le lien est pour vous seul et ne sert qu’une fois. Ne transférez pas ce message.
mail-enrolled-subject = Votre deuxième étape de connexion est configurée
mail-enrolled-text = Désormais, nous la demanderons à la connexion.
mail-authenticator-added-subject = Un moyen de connexion a été ajouté à votre compte
mail-authenticator-added-text = Il permet désormais de se connecter à votre compte.
mail-authenticator-removed-subject = Un moyen de connexion a été retiré de votre compte
mail-authenticator-removed-text = Il ne permet plus de se connecter.
mail-factors-reset-subject = Tous les moyens de connexion ont été retirés de votre compte
mail-factors-reset-text = Vous devez configurer à nouveau votre deuxième étape de connexion.
mail-recovery-code-used-subject = Un de vos codes de secours a été utilisé
mail-recovery-code-used-text = { $count ->
    [0] C’était le dernier. Créez-en bientôt de nouveaux.
    [one] Il en reste un. Créez-en bientôt de nouveaux.
   *[other] Il en reste { $count }.
    }
mail-recovery-codes-made-subject = Vous avez de nouveaux codes de secours
mail-recovery-codes-made-text = Il y en a { $count }. Les anciens ne fonctionnent plus.
mail-bypass-started-subject = Vous pouvez vous connecter une fois sans deuxième étape
mail-bypass-started-text = Votre mot de passe suffit, une fois, jusqu’à l’heure indiquée.
mail-sign-in-reported-subject = Votre compte est bloqué
mail-sign-in-reported-text = Une connexion a été signalée comme n’étant pas la vôtre ; personne ne peut plus se connecter à votre compte. Votre assistance le rouvrira.
mail-password-changed-subject = Votre mot de passe a été changé
mail-password-changed-text = L’ancien ne fonctionne plus.
mail-locked-out-subject = Trop de codes erronés : votre compte est verrouillé
mail-locked-out-text = Il se rouvrira de lui-même à l’heure indiquée.
mail-locked-out-for-good = Il le reste jusqu’à ce que votre assistance le rouvre.
mail-test-subject = Un test
mail-test-text = Si vous lisez ceci, le courrier fonctionne.
