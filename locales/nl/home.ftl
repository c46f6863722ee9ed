home-title = Uw account
