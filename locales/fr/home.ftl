home-title = Votre compte
