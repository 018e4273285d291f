"""Tables, sessions and queries over SQLite in a file."""

from sqlalchemy import ForeignKey, String, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    books: Mapped[list["Book"]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author] = relationship(back_populates="books")


engine = create_engine("sqlite:///books.db")
Base.metadata.create_all(engine)
with Session(engine) as session:
    for number in range(20):
        session.add(Author(name=f"author {number}", books=[Book(title=f"book {k}") for k in range(number)]))
    session.commit()
    query = select(Author.name, func.count(Book.id)).join(Book).group_by(Author.id).order_by(Author.id)
    print(session.execute(query).all())
    print(session.get(Author, 3).books[0].title)
engine.dispose()
