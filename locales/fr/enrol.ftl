# L'assistant de la première inscription.
enrol-steps = Étapes
enrol-step-begin = Commencer
enrol-step-choose = Choisir
enrol-step-add = Ajouter et essayer
enrol-step-codes = Codes de secours

enrol-intro-title = Protégez votre compte
enrol-intro-why = Un mot de passe peut être deviné ou volé. Avec une deuxième étape que vous seul possédez, personne d'autre ne peut se connecter à votre place.
enrol-intro-how = Cela prend environ deux minutes. Vous choisissez ce qui vous convient, vous l'ajoutez et vous l'essayez une fois. Vous pouvez arrêter à tout moment et continuer plus tard.
enrol-intro-begun = Vous avez déjà commencé. Ce que vous avez commencé est toujours là.
enrol-intro-go-on = Continuer
enrol-intro-choose = Choisir autre chose

enrol-choose-title = Choisissez votre deuxième étape
enrol-choose-lead = La plus sûre vient en premier. Vous pourrez en ajouter d'autres plus tard.
enrol-choose-none = Votre organisation ne vous laisse rien ajouter ici. Adressez-vous à votre service d'assistance.
enrol-choose-app-off = L'approbation des connexions d'un simple appui sur un téléphone n'est pas activée ici.
enrol-way-passkey = Clé d'accès
enrol-way-passkey-about = Votre empreinte, votre visage ou le code de votre appareil, ou une clé de sécurité. Aucune fausse page ne peut la tromper, et il n'y a rien à saisir.
enrol-way-totp = Application d'authentification
enrol-way-totp-about = Une application sur votre téléphone, comme Aegis, Google Authenticator ou Microsoft Authenticator, affiche un nouveau code toutes les 30 secondes. Elle fonctionne sans réseau.
enrol-way-hardware-token = Jeton matériel
enrol-way-hardware-token-about = Un petit appareil avec un écran, remis par votre organisation. Il vous faut le numéro de série inscrit au dos.

enrol-taken-title = Quelqu'un a été plus rapide
enrol-taken-what = Pendant que vous étiez ici, une deuxième étape a été ajoutée à votre compte par quelqu'un qui connaît votre mot de passe, ou par vous-même ailleurs. Ce que vous aviez commencé ici a été abandonné.
enrol-taken-do = Si c'était vous, connectez-vous avec elle. Sinon, prévenez tout de suite votre service d'assistance et changez votre mot de passe.

enrol-done-title = Votre compte est protégé
enrol-done-what = Désormais, votre deuxième étape vous sera demandée à la connexion.
enrol-done-second = Un téléphone se perd. Ajoutez maintenant un deuxième moyen, et vous ne serez pas bloqué ce jour-là.
enrol-done-add = Ajouter un deuxième moyen
enrol-done-later = Plus tard

# Le lien d'un administrateur.
enrol-link-title = Vous êtes invité
enrol-link-open = Ce lien permet à { $name } d'ajouter une deuxième étape au compte.
enrol-link-password = Pour commencer, connectez-vous avec le nom d'utilisateur et le mot de passe de votre organisation. Le lien sert une fois ; l'ouvrir ne l'épuise pas.
enrol-link-used = Ce lien a déjà servi. Si vous avez ajouté une deuxième étape avec lui, connectez-vous simplement. Si ce n'était pas vous, prévenez tout de suite votre service d'assistance.
enrol-link-expired = Ce lien est trop ancien. Demandez-en un nouveau à la personne qui vous l'a envoyé.
enrol-link-unknown = Ce lien n'est pas complet, ou un plus récent l'a remplacé. Utilisez le plus récent que vous ayez, en entier, ou demandez-en un nouveau.
