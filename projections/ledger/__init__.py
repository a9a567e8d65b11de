"""Views of the books: balances, cash, client money, and the controls over them."""
