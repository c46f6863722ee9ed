# Ce que chaque page contient.
common-product = Vestibule
common-skip = Aller au contenu
common-language = Langue
common-sign-out = Se déconnecter
common-signed-in-as = Connecté : { $name }
common-home = Accueil
common-back = Retour
common-continue = Continuer
common-cancel = Annuler
common-save = Enregistrer
common-remove = Supprimer
common-menu = Menu principal
common-problem = Il y a un problème
common-code-label = Code
common-sign-in-id = Si vous demandez de l’aide, indiquez ce numéro : { $id }
common-try-again = Réessayer
common-only-javascript = Cela nécessite JavaScript, qui est désactivé dans ce navigateur.

# Pages pour ce qui n’a pas marché.
common-not-found-title = Cette page n’existe pas
common-not-found = L’adresse est peut-être mal saisie, ou la page n’existe plus.
common-stale-title = Cette page est restée ouverte trop longtemps
common-stale = Rien n’a été modifié. Revenez en arrière, rechargez la page et recommencez.
common-foreign-title = Cela ne venait pas de notre propre page
common-foreign = Par sécurité, rien n’a été modifié. Rouvrez la page et recommencez.
common-too-large-title = C’est trop en une fois
common-too-large = La page a envoyé plus que ce que nous acceptons. Rien n’a été modifié.
common-busy-title = Nous ne pouvons pas répondre pour le moment
common-busy = Un élément dont nous avons besoin ne répond pas. Rien n’a été modifié et rien n’est retenu contre vous. Réessayez dans une minute.
common-host-title = Ce n’est pas la bonne adresse
common-host = Utilisez l’adresse que votre organisation vous a donnée : { $url }
common-forbidden-title = C’est désactivé
common-forbidden = Votre organisation ne propose pas cela ici.
