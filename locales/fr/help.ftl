# La vue d’ensemble.
help-security-title = Sécurité
help-security-lead = Voyez ce qui s’est passé sur votre compte, et soyez prêt pour le jour où votre téléphone sera perdu.
help-history-title = Ce qui s’est passé
help-history-about = Connexions, demandes à votre téléphone et modifications
help-sessions-title = Où vous êtes connecté
help-sessions-about = Les navigateurs connectés à ce portail
help-bypass-title = Dérogation unique
help-bypass-about = Entrez une fois sans votre second facteur
help-language-title = Langue
help-language-about = La langue de ces pages et de nos courriels
help-phones-title = Numéros de téléphone
help-phones-about = Les numéros que votre organisation connaît de vous
help-questions-title = Questions de sécurité
help-questions-about = Pour le jour où vous n’aurez rien d’autre pour vous connecter
help-new-phone-title = Passer à un nouveau téléphone
help-new-phone-about = Pas à pas, tant que vous avez encore l’ancien

# L’historique.
help-history-lead = Le plus récent d’abord. Les heures sont en UTC. Si ce n’était pas vous, dites-le.
help-history-empty = Rien n’est encore enregistré.
help-history-older = Plus ancien
help-history-newest = Retour aux plus récents
help-history-pages = Pages de l’historique
help-column-time = Heure
help-column-what = Quoi
help-column-to = Vers
help-column-from = Depuis
help-column-do = Pas vous ?
help-was-not-me = Ce n’était pas moi
help-client-portal = Ce portail
help-place-same = La même adresse que maintenant ({ $address })
help-place-trusted = Un réseau de confiance ({ $address })
help-place-unknown = Inconnu
help-by-administrator = par un administrateur

# Ce qui peut se passer.
help-what-granted = Connexion réussie
help-what-denied = Connexion refusée
help-what-prompt-sent = Demande sur votre téléphone
help-what-prompt-answered = Réponse sur votre téléphone
help-what-locked-out = Verrouillé après trop d’échecs
help-what-enrolled = Un moyen de connexion a été ajouté
help-what-enrolment = Admis pour configurer un premier moyen de connexion
help-what-enrolment-begun = Un moyen de connexion a été commencé
help-what-authenticator-renamed = Un moyen de connexion a été renommé
help-what-authenticator-removed = Un moyen de connexion a été retiré
help-what-authenticator-tested = Un moyen de connexion a été essayé
help-what-codes-throttled = Trop de codes incorrects
help-what-activation-made = Un code pour un nouveau téléphone a été créé
help-what-activation-cancelled = Un code pour un nouveau téléphone a été retiré
help-what-activation-used = Un nouveau téléphone a été associé
help-what-activation-reused = Un code pour un nouveau téléphone a servi une seconde fois
help-what-enrolment-link-made = Un lien de configuration a été envoyé
help-what-enrolment-link-used = Un lien pour installer un moyen de connexion a été utilisé
help-what-factor-preferred = Ce qui est demandé en premier a été choisi
help-what-token-claimed = Un jeton matériel a été mis en service
help-what-user-removed = Le compte a été supprimé
help-what-recovery-codes-made = De nouveaux codes de secours ont été créés
help-what-resynchronised = Un jeton a été recalé
help-what-bypass-granted = Une dérogation unique a commencé
help-what-bypass-ended = Une dérogation unique a été retirée
help-what-fraud-reported = « Ce n’était pas moi » a été signalé
help-what-security-questions-set = Des questions de sécurité ont été définies
help-what-security-questions-removed = Les questions de sécurité ont été supprimées
help-what-security-questions-answered = Réponse aux questions de sécurité
help-what-language-chosen = La langue a été choisie
help-what-sessions-ended = Des navigateurs ont été déconnectés
help-what-password-changed = Le mot de passe a été changé
help-what-user-imported = Le compte a été repris
help-what-phone-set = Un numéro de téléphone a été enregistré
help-what-user-enabled = Le compte a été activé
help-what-user-disabled = Le compte a été désactivé
help-what-user-blocked = Le compte a été bloqué
help-what-user-unlocked = Le compte a été rouvert
help-what-user-reset = Tous les moyens de connexion ont été retirés
help-what-other = Autre chose : { $event }

# Sur quoi repose un résultat.
help-reason-app = approuvé sur le téléphone
help-reason-passkey = clé d’accès
help-reason-totp = code d’une application
help-reason-hotp = code d’un jeton
help-reason-recovery-code = code de secours
help-reason-bypass = dérogation unique
help-reason-grace = de nouveau aussitôt
help-reason-service-account = compte de service
help-reason-trusted-network = depuis un réseau de confiance
help-reason-not-enrolled = sans second facteur
help-reason-first-enrolment = avec le seul mot de passe
help-reason-wrong-passkey = la clé d’accès n’était pas la bonne
help-reason-copied-passkey = la clé d’accès a peut-être été copiée
help-reason-wrong-password = mot de passe incorrect
help-reason-password-expired = mot de passe expiré
help-reason-not-one-entry = nom ambigu
help-reason-unknown-user = compte inconnu
help-reason-no-factor = aucun second facteur accepté à cet endroit
help-reason-must-enrol = un second facteur doit d’abord être configuré
help-reason-disabled = le compte était désactivé
help-reason-disabled-in-directory = le compte était désactivé dans l’annuaire
help-reason-expired-in-directory = le compte a expiré dans l’annuaire
help-reason-blocked = le compte était bloqué
help-reason-locked-out = verrouillé
help-reason-missing-code = aucun code fourni
help-reason-wrong-code = code incorrect
help-reason-reused-code = code déjà utilisé
help-reason-factor-not-allowed = cette manière n’est pas acceptée à cet endroit
help-reason-dialog-over = la réponse est arrivée trop tard
help-reason-prompt-refused = refusé sur le téléphone
help-reason-prompt-expired = sans réponse sur le téléphone
help-reason-prompt-cancelled = la demande a été retirée
help-reason-too-many-prompts = trop de demandes au téléphone
help-reason-already-asking = une autre demande attendait
help-reason-throttled = trop de tentatives
help-reason-approved = approuvé
help-reason-refused = refusé
help-reason-fraud-reported = « ce n’était pas moi »
help-reason-right = juste
help-reason-wrong = faux
help-reason-over = trop tard

# « Ce n’était pas moi ».
help-not-me-title = Ce n’était pas vous ?
help-not-me-lead = Quelqu’un connaît alors peut-être votre mot de passe. Si vous confirmez, nous faisons tout ceci aussitôt :
help-not-me-refused = Les demandes en attente sur votre téléphone sont refusées.
help-not-me-blocked = Votre compte est bloqué : personne ne s’en sert, pas même vous.
help-not-me-out = Vous êtes déconnecté ici et partout ailleurs.
help-not-me-told = Les administrateurs sont avertis.
help-not-me-next = Appelez ensuite votre service d’assistance et changez votre mot de passe. Lui seul peut rouvrir le compte.
help-not-me-confirm = Bloquer mon compte
help-blocked-title = Votre compte est bloqué
help-blocked-done = Personne ne peut plus s’en servir. Vous êtes déconnecté partout, et les administrateurs sont avertis.

# Sessions.
help-sessions-lead = Si vous n’en reconnaissez pas une, terminez-la et regardez ce qui s’est passé.
help-session-this = Ce navigateur
help-session-agent-unknown = Un navigateur qui ne dit pas ce qu’il est
help-session-begun = Connecté
help-session-seen = Dernière utilisation
help-session-factor = Second facteur
help-session-end = Terminer celle-ci
help-session-others = Terminer toutes les autres
help-done-session = Ce navigateur est déconnecté.
help-done-sessions = Tous les autres navigateurs sont déconnectés.

# La dérogation.
help-bypass-lead = Votre prochaine connexion ne demandera pas de second facteur, si elle a lieu à temps. Chaque dérogation est enregistrée et signalée.
help-bypass-lasts = Elle attend { $minutes } minutes d’être utilisée.
help-bypass-minutes = Pendant combien de minutes (1 à { $most })
help-bypass-reason = Pourquoi vous en avez besoin
help-bypass-start = Commencer la dérogation
help-bypass-runs = Une dérogation attend d’être utilisée jusqu’à { $until } (UTC).
help-bypass-end = La terminer maintenant
help-bypass-bad-length = Choisissez entre 1 et { $most } minutes.
help-bypass-bad-reason = Dites en quelques mots pourquoi vous en avez besoin.
help-bypass-not-proven = Vous êtes entré avec un code de secours ou une dérogation. Connectez-vous avec votre téléphone, clé d’accès ou jeton pour en commencer une autre.
help-done-bypass = La dérogation a commencé.
help-done-bypass-ended = La dérogation est terminée.

# Langue.
help-language-do = Choisissez la langue de ces pages
help-language-auto = Selon mon organisation ou mon navigateur
help-done-language = La langue est définie.

# Numéros de téléphone.
help-phones-lead = Votre organisation les conserve. Nous n’en montrons que ce qu’il faut pour les reconnaître. Rien n’y est encore envoyé.
help-phones-none = Nous ne connaissons aucun numéro à vous.
help-phones-wrong = Si un numéro est faux, dites-le à votre service d’assistance : il se modifie là où votre organisation le conserve.
help-phone-phone = Téléphone
help-phone-backup = Téléphone de secours
help-phone-mobile = Mobile
help-phone-business = Travail
help-phone-home = Domicile
help-phone-for-calls = pour les appels et les messages, dès que votre organisation les proposera
help-phone-for-backup = si le premier numéro ne répond pas

# Questions de sécurité.
help-questions-lead = Si vous perdez tout ce qui vous sert à vous connecter, votre mot de passe et ces réponses ouvrent une page d’aide. Elles n’ouvrent rien d’autre.
help-questions-do = Choisissez { $count } questions différentes. Les majuscules et les espaces en trop ne comptent pas.
help-questions-have = Vos questions sont définies. De nouvelles réponses remplacent toutes les anciennes.
help-question-number = Question { $number }
help-question-choose = Choisissez une question
help-question-answer = Réponse
help-questions-remove = Supprimer mes questions
help-questions-count = Choisissez { $count } questions et répondez à chacune.
help-questions-same-question = Ne choisissez chaque question qu’une fois.
help-questions-same-answer = Donnez une réponse différente à chaque question.
help-questions-too-short = Une réponse doit avoir au moins trois lettres.
help-questions-too-long = Une réponse ne peut dépasser 200 caractères.
help-questions-letters = Répondez en lettres et en chiffres, sans images.
help-done-questions = Vos questions sont définies.
help-done-questions-removed = Vos questions sont supprimées.
help-answer-title = Répondez à vos questions
help-answer-lead = Les mêmes questions restent jusqu’à ce qu’on y réponde. Les mauvaises réponses comptent comme des connexions échouées.
help-answer-wrong = Au moins une réponse n’est pas juste. Veuillez réessayer.
help-answer-barred = Nous ne pouvons pas continuer ici. Adressez-vous à votre service d’assistance.
help-question-first-teacher = Quel était le nom de famille de votre premier instituteur ?
help-question-childhood-friend = Quel était le prénom de votre meilleur ami d’enfance ?
help-question-first-pet = Comment s’appelait votre premier animal de compagnie ?
help-question-first-car = Quelle était votre première voiture, marque et modèle ?
help-question-first-concert = Qui jouait au premier concert auquel vous êtes allé ?
help-question-first-job = Dans quelle ville avez-vous eu votre premier emploi ?
help-question-first-flight = Où vous a mené votre premier vol ?
help-question-childhood-street = Comment s’appelait la rue où vous avez grandi ?
help-question-grandmother = Quel était le prénom de la mère de votre mère ?
help-question-childhood-book = Quel livre aimiez-vous le plus enfant ?
help-question-parents-met = Dans quelle ville vos parents se sont-ils rencontrés ?
help-question-dream-job = Que vouliez-vous devenir quand vous étiez enfant ?

# Un appareil perdu.
help-lost-title = Je n’ai pas mon appareil
help-lost-lead = Il y a peut-être une autre manière d’entrer. Essayez dans cet ordre.
help-lost-code-title = Un code de secours
help-lost-code-do = Avez-vous imprimé ou enregistré des codes de secours ? Connectez-vous avec votre mot de passe et saisissez-en un là où un code est demandé. Chacun sert une fois.
help-lost-other-title = Une autre manière
help-lost-other-do = Un second téléphone, une clé d’accès ou un jeton que vous avez encore : après le mot de passe, choisissez-le sous « Une autre manière ».
help-lost-questions-do = Si vous avez défini des questions de sécurité et que votre organisation les accepte, votre mot de passe vient d’abord :
help-lost-desk-title = Votre service d’assistance
help-lost-desk-do = Appelez-le. Il voudra s’assurer que c’est bien vous. Indiquez-lui :
help-lost-desk-name = votre nom d’utilisateur
help-lost-desk-what = ce qui est perdu, et depuis quand
help-lost-desk-id = le numéro de cette connexion : { $id }
help-lost-stolen = S’il a été volé, dites-le d’abord : il peut être bloqué aussitôt.
help-lost-back = Retour à la connexion

# La page de récupération.
help-recovery-title = Obtenir de l’aide
help-recovery-lead = Vous avez montré que vous connaissez votre mot de passe et vos réponses. Cette page n’ouvre rien d’autre ; voici ce que vous pouvez faire.
help-recovery-devices = Ce qui vous sert à vous connecter
help-recovery-lost = J’ai perdu celui-ci
help-recovery-last = C’est le seul : il ne peut donc pas être retiré ici. Si quelqu’un d’autre l’a peut-être, bloquez votre compte.
help-done-device = Il est retiré et n’ouvre plus rien.
help-recovery-block-do = Personne ne se connecte avec votre compte jusqu’à ce que votre service d’assistance le rouvre.
help-recovery-enrol = Ajouter un nouveau moyen de connexion

# Un nouveau téléphone.
help-new-phone-lead = Faites-le tant que l’ancien téléphone fonctionne. Sinon, lisez que faire quand un appareil est perdu.
help-new-phone-1 = Ouvrez « Mes authentificateurs » et ajoutez le nouveau téléphone.
help-new-phone-2 = Prouvez-le une fois : approuvez un test, ou saisissez un code qu’il affiche.
help-new-phone-3 = Connectez-vous une fois avec le nouveau téléphone.
help-new-phone-4 = Ne retirez qu’ensuite l’ancien téléphone de la liste.
help-new-phone-5 = Effacez l’ancien téléphone avant de vous en séparer.
help-new-phone-go = Mes authentificateurs
help-reason-wrong-pin = le code PIN n’était pas bon
help-what-pin-set = Votre code PIN a été défini
help-what-pin-cleared = Votre code PIN a été supprimé
