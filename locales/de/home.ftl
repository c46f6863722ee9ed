home-title = Ihr Konto
